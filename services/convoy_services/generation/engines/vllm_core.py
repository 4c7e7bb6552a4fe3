"""vLLM as far as an engine needs it: an event loop of its own, and one call a step."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from typing import Any

from vllm import SamplingParams
from vllm.engine.arg_utils import AsyncEngineArgs
from vllm.inputs.engine import tokens_input
from vllm.outputs import RequestOutput
from vllm.v1.engine.async_llm import AsyncLLM
from vllm.v1.engine.output_processor import RequestOutputCollector
from vllm.v1.metrics.loggers import StatLoggerBase
from vllm.v1.metrics.stats import SchedulerStats

from convoy_services.generation.engines.vllm_warden import Warden

News = tuple[str, RequestOutput]
"""A sequence's key and what it brought."""

OnStep = Callable[[Sequence[News], SchedulerStats | None], None]
"""Takes what a step brought to all sequences, and how the scheduler stood after it."""


class Core:
    """Sequences by key, computed by processes of vLLM's and heard of by a thread of ours."""

    def __init__(
        self,
        arguments: AsyncEngineArgs,
        *,
        on_step: OnStep,
        on_refused: Callable[[str, Exception], None],
        on_end: Callable[[], None],
    ) -> None:
        """Start its processes and load the model; raises what vLLM raises.

        The functions are called from the thread: ``on_step`` once a step, ``on_refused`` for a
        sequence that vLLM does not take, ``on_end`` once, when it has ended for any cause.
        """
        self._arguments = arguments
        self._on_step = on_step
        self._on_refused = on_refused
        self._on_end = on_end
        self._collectors: dict[str, RequestOutputCollector | None] = {}
        self._failure: BaseException | None = None
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), name="vllm", daemon=True)
        self._thread.start()
        ready.wait()
        if self._failure:
            self._thread.join()
            raise self._failure

    def begin(self, key: str, input_ids: Sequence[int], params: SamplingParams) -> None:
        """Add a sequence; after the end, a no-op."""
        self._soon(self._add, key, list(input_ids), params)

    def cancel(self, key: str) -> None:
        """Let go of a sequence, before the step after the one that runs."""
        self._soon(self._abort, key)

    def stop(self) -> None:
        """End the processes and the thread, and wait for them."""
        self._soon(self._stop.set)
        self._thread.join()

    def _soon(self, act: Callable[..., Any], *args: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(act, *args)
        except RuntimeError:  # the loop is closed: it has ended
            return

    # What follows runs in the thread.

    def _run(self, ready: threading.Event) -> None:
        try:
            asyncio.run(self._serve(ready))
        except BaseException as exc:
            self._failure = exc
        if ready.is_set():
            self._on_end()
        ready.set()

    async def _serve(self, ready: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        # Tasks are held by nobody else until they are done.
        self._tasks: set[asyncio.Task[None]] = set()
        steps = _Steps(self._step)
        self._llm = AsyncLLM.from_engine_args(
            self._arguments, stat_loggers=[lambda config, index: steps]
        )
        warden = Warden([one.pid for one in _processes(self._llm)])
        try:
            # Once before the first sequence, whose asking for it would let others overtake it.
            await self._llm.get_supported_tasks()
            handler = self._llm.output_handler
            assert handler is not None
            handler.add_done_callback(lambda _: self._stop.set())
            self.config = self._llm.vllm_config
            ready.set()
            await self._stop.wait()
        finally:
            self._llm.shutdown()
            warden.dismiss()

    def _add(self, key: str, input_ids: list[int], params: SamplingParams) -> None:
        self._collectors[key] = None
        self._spawn(self._admit(key, input_ids, params))

    def _abort(self, key: str) -> None:
        self._collectors.pop(key, None)
        self._spawn(self._llm.abort(key))

    def _spawn(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # of an engine that died: the output handler tells

    async def _admit(self, key: str, input_ids: list[int], params: SamplingParams) -> None:
        try:
            collector = await self._llm.add_request(key, tokens_input(input_ids), params)
        except Exception as exc:
            if key in self._collectors:
                del self._collectors[key]
                self._on_refused(key, exc)
            return
        if key in self._collectors:  # else it was cancelled meanwhile
            self._collectors[key] = collector
            if collector.ready.is_set():  # the step that will not be heard of again
                self._step(None)

    def _step(self, stats: SchedulerStats | None) -> None:
        """Take what a step left with every sequence."""
        news: list[News] = []
        for key, collector in list(self._collectors.items()):
            output = collector.get_nowait() if collector else None
            if isinstance(output, RequestOutput):
                news.append((key, output))
                if output.finished:
                    del self._collectors[key]
        self._on_step(news, stats)


class _Steps(StatLoggerBase):  # type: ignore[misc] # vLLM is in another environment
    """Hears of each step when its outputs are with their sequences, and before the next.

    AsyncLLM has a queue for each sequence, whose readers would wake one after the other; its
    loggers are what it calls once a step.
    """

    def __init__(self, on_step: Callable[[SchedulerStats | None], None]) -> None:
        self._on_step = on_step

    def record(
        self, scheduler_stats: SchedulerStats | None, iteration_stats: Any, *_: Any, **__: Any
    ) -> None:
        """Called by the output handler after each step."""
        self._on_step(scheduler_stats)

    def log_engine_initialized(self) -> None:
        """Say nothing."""


def _processes(llm: AsyncLLM) -> Any:
    """Give those that the engine computes in; they look after their workers themselves."""
    manager = llm.engine_core.resources.engine_manager
    return manager.processes if manager else ()
