"""transformers' continuous batching, as far as an engine needs it."""

from bisect import bisect_right
from collections.abc import Callable, Collection, Sequence
from typing import cast

import torch
from torch import Tensor
from transformers import (
    ContinuousBatchingConfig,
    GenerationConfig,
    GenerationMixin,
    PreTrainedModel,
)
from transformers.generation.continuous_batching.cb_logits_processors import (
    ContinuousBatchingLogitsProcessor,
    ContinuousBatchingLogitsProcessorList,
)
from transformers.generation.continuous_batching.continuous_api import (
    BackgroundThreadStatus,
    OutputRouter,
)
from transformers.generation.continuous_batching.requests import (
    FutureRequestState,
    GenerationOutput,
    RequestState,
)
from transformers.generation.logits_process import LogitsProcessorList

Choose = Callable[[Tensor, Sequence[str]], Tensor]
"""Changes float32 scores [sequences, vocab] so that argmax takes the right tokens."""

PAGE = {"cuda": 256, "cpu": 32}
"""Tokens in a block of the cache. Flash attention wants 256; elsewhere small ones waste less."""


class Batches:
    """Sequences by key, computed together by a thread of its own."""

    def __init__(
        self,
        model: PreTrainedModel,
        *,
        cache_tokens: int,
        batch_tokens: int,
        choose: Choose,
        on_step: Callable[[Sequence[GenerationOutput]], None],
        on_end: Callable[[], None],
    ) -> None:
        """Allocate the cache; raises ValueError where it or the model does not suit.

        The functions are called from the thread: ``on_step`` once a step, or for a failure;
        ``on_end`` once, when it ends for any cause.
        """
        page = PAGE[model.device.type]
        self._manager = cast(GenerationMixin, model).init_continuous_batching(
            # A new one: what the model's own says of sampling is not to leak in. Greedy, for what
            # ``choose`` returns is sampled already. Each sequence brings its ends.
            GenerationConfig(do_sample=False, eos_token_id=-1),  # type: ignore[no-untyped-call]
            ContinuousBatchingConfig(
                page_size=page,
                num_blocks=-(-cache_tokens // page),
                max_batch_tokens=batch_tokens,
                max_requests_per_batch=batch_tokens,
                # Room is reserved before a sequence begins. Both of these would withhold some: a
                # margin stops prompts, and shared blocks stay occupied when their sequences end.
                safety_margin=0.0,
                allow_block_sharing=False,
                # ``choose`` is Python that looks at the tokens so far: a CUDA graph would not call
                # it again, and asynchronous batching calls it before the last token is known. The
                # price is on GPUs: each step waits for the CPU, a few milliseconds of launches.
                use_cuda_graph=False,
                use_async_batching=False,
            ),
        )
        processors = ContinuousBatchingLogitsProcessorList(LogitsProcessorList([_Choice(choose)]))
        processors.tensors_required = 1
        self._manager.logit_processor = processors
        self._manager.output_router = _Steps(on_step)
        self._manager.background_thread_status = _Status(on_end)
        try:
            self._manager.warmup()  # makes the cache now, where its errors can be raised
        except MemoryError as exc:
            raise ValueError(f"cache_tokens {cache_tokens}: {exc}") from exc
        assert self._manager.batch_processor is not None
        self._cache = self._manager.batch_processor.cache
        config = model.config.get_text_config()
        self._positions: int | None = getattr(config, "max_position_embeddings", None)

    def start(self) -> None:
        """Begin with the thread."""
        self._manager.start()

    def begin(
        self, key: str, input_ids: Sequence[int], *, max_tokens: int, ends: Collection[int]
    ) -> None:
        """Add a sequence, which ends after any of the tokens ``ends``; after the end, a no-op."""
        state = _State(
            key,
            list(input_ids),
            streaming=True,
            max_new_tokens=max_tokens,
            eos_token_id=list(ends),
        )
        # Not by add_request: its states copy all their tokens at each of them.
        self._manager.input_queue.put(state)
        self._manager._wake_up_loop.set()

    def cancel(self, key: str) -> None:
        """Let go of a sequence before the next step."""
        self._manager.cancel_request(key)

    def stop(self) -> None:
        """End the thread and wait for it."""
        self._manager.stop(block=True, hard_stop=True)

    @property
    def error(self) -> Exception | None:
        """What ended the thread, if an error did."""
        error: Exception | None = self._manager.background_thread_status.fatal_error
        return error

    @property
    def ending(self) -> bool:
        """Whether the thread has ended or is about to."""
        return self._manager.background_thread_status.can_accept_new_requests() is not None

    @property
    def blocks(self) -> int:
        """Give how many blocks the cache has.

        Where layers differ in kind, these share sectors of several blocks, and one block may keep
        a whole sector from the others: then the sectors are what counts.
        """
        kinds = list(self._cache.cache_allocators.values())
        each = kinds[0].blocks_per_sector if len(kinds) == 1 else 1
        return int(self._cache.num_sectors * each)

    @property
    def free_blocks(self) -> int:
        """Give how many of them no sequence occupies; the thread's own view, so a moment old."""
        pool = self._cache.pool
        kinds = list(self._cache.cache_allocators.values())
        if len(kinds) > 1:
            return int(pool.num_free_sectors)
        kind = kinds[0]
        free = pool.num_free_sectors * kind.blocks_per_sector + pool.count_free_blocks(kind.index)
        return int(free)

    def needed(self, tokens: int) -> int:
        """Give the blocks of a sequence that grows to so many tokens."""
        kinds = self._cache.cache_allocators.values()
        return sum(kind.needs_new_blocks("", 0, tokens) for kind in kinds)

    def longest(self) -> int:
        """Give the most tokens that a sequence may grow to: all of the cache, or the model's."""
        most = min(self._positions or self._cache.max_tokens_read, self._cache.max_tokens_read)
        return bisect_right(range(1, most + 1), self.blocks, key=self.needed)


class _Choice(ContinuousBatchingLogitsProcessor):
    """Tells ``choose`` which sequence each row of scores belongs to."""

    def __init__(self, choose: Choose) -> None:
        self.supported_kwargs = {}
        self.ignored_kwargs = ()
        self._choose = choose
        self._keys: list[str] = []

    def fill_defaults(self, int32_tensor: Tensor) -> None:
        """Have none."""
        int32_tensor.zero_()

    def prepare_tensor_args(self, requests_with_new_token: list[FutureRequestState]) -> Tensor:
        """Keep the keys: batches are not asynchronous, so the next call is of this batch."""
        self._keys = [request.state.request_id for request in requests_with_new_token]
        return torch.empty(0, dtype=torch.int32)

    def __call__(self, scores: Tensor, tensor_arg: Tensor) -> Tensor:
        """Choose for the first rows; what follows them belongs to prompts that are half read."""
        keys = self._keys
        if not keys:
            return scores
        chosen = self._choose(scores[: len(keys)], keys)
        return chosen if len(keys) == len(scores) else torch.cat([chosen, scores[len(keys) :]])


class _Steps(OutputRouter):
    """Hands over what a step brought, all of it in one call."""

    def __init__(self, on_step: Callable[[Sequence[GenerationOutput]], None]) -> None:
        super().__init__()
        self._on_step = on_step

    def deliver_batch(self, outputs: list[GenerationOutput]) -> None:
        """Hand over a step's tokens."""
        self._on_step(outputs)

    def deliver(self, output: GenerationOutput) -> None:
        """Hand over a failure: nothing else comes alone."""
        self._on_step([output])


class _Status(BackgroundThreadStatus):
    """Tells when the thread ends."""

    def __init__(self, on_end: Callable[[], None]) -> None:
        super().__init__()
        self._on_end = on_end

    def mark_as_stopped(self) -> None:
        """Called by the thread as its last, however it ends."""
        super().mark_as_stopped()
        self._on_end()


class _State(RequestState):
    """A sequence whose outputs share its list of tokens: only the last of them is looked at."""

    def to_generation_output(self) -> GenerationOutput:
        """Give where it stands."""
        return GenerationOutput(
            request_id=self.request_id,
            generated_tokens=self.generated_tokens,
            error=self.error,
            status=self.status,
            created_time=self.created_time,
            lifespan=self.lifespan,
        )
