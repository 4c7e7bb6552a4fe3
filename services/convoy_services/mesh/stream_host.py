"""The Serve deployment that hosts a streaming stage, and those that are placed with it."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import count

import numpy as np
from numpy.typing import NDArray

from convoy import Batch, ConvoyError
from convoy_services.mesh.ahead import Ahead
from convoy_services.mesh.codec import STREAM, write_news
from convoy_services.mesh.fault import fault
from convoy_services.mesh.hop import StageRequest
from convoy_services.mesh.increment import Ids, Increment
from convoy_services.mesh.loaded import stage_class
from convoy_services.mesh.local import LocalStage
from convoy_services.mesh.plan import HopPlan, StagePlan
from convoy_services.mesh.replica import Replica
from convoy_services.mesh.request import expired
from convoy_services.mesh.session import Session
from convoy_services.mesh.stage import Incremental, Stage, Streaming
from convoy_services.mesh.stream_status import StreamStatus
from convoy_services.mesh.table import Table
from convoy_services.mesh.track import Alone, Together, Track

DEFAULT_TIMEOUT = 600.0
"""Seconds that a row has which names no deadline: only a stage called alone can have such."""


PERIOD = 0.5
"""Seconds without a step after which an ingress is told what the replica does, if that changed."""


class StreamHost(Replica):
    """Hosts a streaming stage in a replica: begins with rows, and tells what each step brings.

    An ingress keeps one ``session`` open to each replica. What a step brings for all its rows comes
    as one message; what it begins and gives up goes by ``control``.
    """

    def __init__(self, stages: Sequence[StagePlan], hops: Sequence[tuple[str, HopPlan]]) -> None:
        """Load ``stages``; ``hops`` are those that lead here, with their pipelines."""
        super().__init__(stages[0].deployment)
        self._before: dict[str, LocalStage] = {}
        self._made: list[Stage] = []
        plans = {plan.name: plan for plan in stages}
        [plan] = [plan for plan in stages if plan.streaming]
        made = {one.name: _make(one) for one in stages if one.streaming or one.incremental}
        self._made += made.values()
        compute = ThreadPoolExecutor(1, thread_name_prefix="compute")
        self._before |= {
            name: LocalStage(one, compute) for name, one in plans.items() if name not in made
        }
        with self.loading():
            for before in self._before.values():
                compute.submit(before.load).result()
            for stage in self._made:
                stage.load()
                stage.warm()
        stage = made[plan.name]
        assert isinstance(stage, Streaming)
        self._stage = stage
        behind = {name: one for name, one in made.items() if isinstance(one, Incremental)}
        self._stage_name = plan.name
        self._alone = Alone(plan)
        self._tracks: dict[tuple[str, str], Track] = {
            (pipeline, hop.name): Together(pipeline, hop, plans, self._before, behind)
            for pipeline, hop in hops
            if len(hop.steps) > 1
        }
        self._ahead = Ahead()
        self._keys = count(1)
        self._rows: dict[int, tuple[Session, int, Track]] = {}
        """Rows under way, by this replica's numbers: whose, its number there, its way."""
        self._sessions: dict[str, Session] = {}
        self._hangs_after = plan.hangs_after
        self._heard = 0.0
        """When the stage last made a step, or was given rows while it had none."""
        self._loop: asyncio.AbstractEventLoop | None = None

    async def session(self, replica: str, name: str) -> AsyncIterator[bytes]:
        """Tell the ingress ``name`` what becomes of its rows; the first message is empty.

        ``replica`` is for the router. When the session ends, so do its rows.
        """
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            self._stage.open(self._emit)
        session = self._sessions[name] = Session()
        try:
            yield b""
            told = None
            while True:
                increment = await session.news(PERIOD)
                status = self._status()
                if increment or status != told:
                    told = status
                    yield write_news(increment, status)
        finally:
            del self._sessions[name]
            self._drop(np.array(list(session.rows), np.uint64), session)

    async def control(self, replica: str, name: str, begin: Sequence[bytes], cancel: Ids) -> None:
        """Begin with rows, serialized InferStreamRequests, then let go of others."""
        session = self._sessions[name]
        now = asyncio.get_running_loop().time()
        for payload in begin:
            self._begin(session, STREAM.parse_request(payload, now, DEFAULT_TIMEOUT), now)
        if len(cancel):
            self._drop(cancel, session)

    def _status(self) -> StreamStatus:
        """Tell what the stage does; rows in the steps ahead wait for it, too."""
        status = self._stage.status()
        return replace(status, waiting=status.waiting + self._ahead.rows)

    def check_health(self) -> None:
        """Raise where the engine is dead, or a stage hangs: Serve then replaces the replica."""
        self._stage.check()
        for stage in self._before.values():
            stage.check()
        silent = time.monotonic() - self._heard
        if len(self._rows) > self._ahead.rows and silent > self._hangs_after:
            raise TimeoutError(f"the stage hangs: no step for {silent:.0f} s")

    def close(self) -> None:
        """Let go of what the stages hold."""
        for before in self._before.values():
            before.close()
        for stage in self._made:
            stage.close()

    def _begin(self, session: Session, request: StageRequest, now: float) -> None:
        track = self._tracks.get((request.pipeline, request.step), self._alone)
        rows = request.rows
        late = np.flatnonzero(rows.deadlines <= now)
        if len(late):
            self._fail(session, rows.ids[late], expired())
        index = np.flatnonzero(rows.deadlines > now)
        if not len(index):
            return
        request = request.take(index)
        ids = np.array([next(self._keys) for _ in index], np.uint64)
        if track.ahead:
            done = partial(self._prepared, session, track, ids)
            try:
                self._ahead.begin(track.ahead, ids, request, done)
            except ConvoyError as error:
                self._fail(session, request.rows.ids, error)
                return
        for key, row in zip(ids.tolist(), request.rows.ids.tolist(), strict=True):
            self._rows[key] = (session, row, self._alone)  # its track knows nothing of it yet
            session.rows[row] = key
        if not track.ahead:
            self._submit(session, track, ids, request.batch)

    def _prepared(
        self, session: Session, track: Track, ids: Ids, outcome: Table | Exception
    ) -> None:
        """Begin with the rows that have passed the steps ahead and are still wanted."""
        if isinstance(outcome, Exception):
            error = fault(f"preparing for {self._stage_name}", outcome, self._stage_name)
            self._give_up(session, ids, error)
            return
        for row, error in outcome.failures.items():
            self._give_up(session, ids[row : row + 1], error)
        index = np.flatnonzero(outcome.alive & self._wanted(ids))
        if len(index):
            batch = outcome.inputs(tuple(outcome.columns), index)
            self._submit(session, track, ids[index], batch)

    def _wanted(self, ids: Ids) -> NDArray[np.bool_]:
        """Tell of each row whether it is still under way."""
        return np.array([key in self._rows for key in ids.tolist()], np.bool_)

    def _submit(self, session: Session, track: Track, ids: Ids, batch: Batch) -> None:
        if len(self._rows) - self._ahead.rows == len(ids):  # it had nothing to do
            self._heard = time.monotonic()
        for key in ids.tolist():
            self._rows[key] = (session, self._rows[key][1], track)
        try:
            self._stage.submit(ids, track.begin(ids, batch))
        except Exception as exc:
            self._stage.cancel(ids)
            error = fault(f"beginning with {self._stage_name}", exc, self._stage_name)
            self._give_up(session, ids, error)

    def _give_up(self, session: Session, ids: Ids, error: ConvoyError) -> None:
        """Fail rows of a session; those that are not under way any more are passed over."""
        ids = ids[self._wanted(ids)]
        rows = np.array([self._rows[key][1] for key in ids.tolist()], np.uint64)
        self._forget(ids)
        if len(rows):
            self._fail(session, rows, error)

    def _fail(self, session: Session, ids: Ids, error: ConvoyError) -> None:
        failures = dict.fromkeys(range(len(ids)), error)
        batch = Batch(rows=len(ids), columns={}, failures=failures)
        session.tell(Increment(ids=ids, batch=batch, ended=np.ones(len(ids), np.bool_)))

    def _emit(self, increment: Increment) -> None:
        """Take what a step brought, from whichever thread."""
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._step, increment)

    def _step(self, increment: Increment) -> None:
        """Hand each session its part of a step."""
        self._heard = time.monotonic()
        parts: dict[tuple[Session, Track], list[int]] = {}
        for n, key in enumerate(increment.ids.tolist()):
            if key in self._rows:
                session, _, track = self._rows[key]
                parts.setdefault((session, track), []).append(n)
        for (session, track), places in parts.items():
            part = increment.take(np.array(places))
            try:
                told = track.advance(part)
            except Exception as exc:
                error = fault("a step's results", exc)
                failures = dict.fromkeys(range(len(places)), error)
                told = replace(part, batch=Batch(rows=len(places), columns={}, failures=failures))
            ours = np.array([self._rows[key][1] for key in part.ids.tolist()], np.uint64)
            session.tell(replace(told, ids=ours))
            # What an incremental stage has ended goes on in the engine.
            self._stage.cancel(part.ids[told.ended & ~part.ended])
            self._forget(part.ids[told.ended])

    def _drop(self, ids: Ids, session: Session) -> None:
        """Let go of rows by the numbers of their ingress; some may have ended."""
        keys = [session.rows[row] for row in ids.tolist() if row in session.rows]
        dropped = np.array(keys, np.uint64)
        self._stage.cancel(dropped)
        self._forget(dropped)

    def _forget(self, keys: Ids) -> None:
        self._ahead.forget(keys)
        tracks: dict[Track, list[int]] = {}
        for key in keys.tolist():
            session, row, track = self._rows.pop(key)
            del session.rows[row]
            tracks.setdefault(track, []).append(key)
        for track, gone in tracks.items():
            track.forget(np.array(gone, np.uint64))


def _make(plan: StagePlan) -> Stage:
    stage = stage_class(plan.cls)(**plan.settings)
    stage.cpus, stage.gpus = plan.cpus, plan.gpus
    return stage
