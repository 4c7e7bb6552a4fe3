"""Rows under way at the replicas of a streaming deployment, as the ingress knows them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from convoy import Code, ConvoyError
from convoy.tensor import Index
from convoy_services.mesh.client_session import ClientSession
from convoy_services.mesh.hop import StageRequest
from convoy_services.mesh.increment import Ids, Increment
from convoy_services.mesh.replicas import Replicas
from convoy_services.mesh.stream_status import StreamStatus

TRIES = 2
"""How often a row is begun of which nothing came before its replica was lost."""


class Sink(Protocol):
    """Who waits for a row."""

    def add(self, increment: Increment, place: int) -> None:
        """Take what came of the row: it is the increment's row ``place``."""
        ...

    def fail(self, error: ConvoyError) -> None:
        """Expect nothing more of the row."""
        ...


@dataclass(slots=True, eq=False)
class _Row:
    request: StageRequest
    index: int
    sink: Sink
    session: ClientSession | None = None
    begun: bool = False
    """Whether anything came of it: it is then not begun anew elsewhere."""
    tries: int = 0


class Streams:
    """Begins with rows at the replica that has fewest, and hands out what comes of them.

    There is one session for each replica, and what a step there brings comes as one message.
    """

    def __init__(self, replicas: Replicas) -> None:
        """Reach ``replicas``."""
        self._replicas = replicas
        self._rows: dict[int, _Row] = {}
        self._sessions: dict[str, ClientSession] = {}
        self._lost: set[str] = set()
        """Replicas that are still named although they do not answer."""
        self._messages = self._results = 0

    @property
    def replicas(self) -> int:
        """How many replicas there are that take rows."""
        return len(self._replicas.names)

    @property
    def under_way(self) -> int:
        """How many rows have not ended."""
        return len(self._rows)

    @property
    def statuses(self) -> list[StreamStatus]:
        """What each replica does to which there is a session."""
        return [session.status for session in self._sessions.values()]

    def counted(self) -> tuple[int, int]:
        """Give the messages that came since this was last asked, and the results in them."""
        counted = self._messages, self._results
        self._messages = self._results = 0
        return counted

    def begin(self, request: StageRequest, sinks: Sequence[Sink]) -> None:
        """Begin with every row of a request, each with its sink.

        Where there is no replica they wait for one.
        """
        for n, (id, sink) in enumerate(zip(request.rows.ids.tolist(), sinks, strict=True)):
            self._rows[id] = _Row(request, n, sink)
        self._place(request, np.arange(request.batch.rows))

    def cancel(self, ids: Ids) -> None:
        """Let go of rows; those that have ended are passed over."""
        for id in ids.tolist():
            row = self._rows.pop(id, None)
            if row and row.session:
                row.session.cancel(id)

    def follow(self) -> None:
        """Take up what waits for a replica, and close the sessions of those that leave."""
        names = set(self._replicas.names)
        self._lost &= names
        for session in list(self._sessions.values()):
            if session.replica not in names and not session.rows:
                del self._sessions[session.replica]
                session.close()
        for row in list(self._rows.values()):
            if row.session is None:
                self._place(row.request, np.array([row.index]))

    def take(self, increment: Increment) -> None:
        """Hand out what a step brought."""
        self._messages += 1
        ended = increment.ended.tolist()
        for place, id in enumerate(increment.ids.tolist()):
            row = self._rows.get(id)
            if row is None:
                continue
            self._results += 1
            row.begun = True
            if ended[place]:
                del self._rows[id]
                if row.session:
                    row.session.rows.discard(id)
            if error := increment.batch.failures.get(place):
                row.sink.fail(error)
            else:
                row.sink.add(increment, place)

    def lose(self, session: ClientSession, error: ConvoyError) -> None:
        """Do without a session: begin anew with the rows of which nothing came, fail the others."""
        self._lost.add(session.replica)
        if self._sessions.get(session.replica) is session:
            del self._sessions[session.replica]
        for id in session.rows:
            row = self._rows[id]
            row.session = None
            if row.begun or row.tries == TRIES or error.code is not Code.UNAVAILABLE:
                del self._rows[id]
                row.sink.fail(error)
        self.follow()

    def _place(self, request: StageRequest, index: Index) -> None:
        """Spread rows over the replicas, each to that which has fewest."""
        names = [name for name in self._replicas.names if name not in self._lost]
        names = names or list(self._replicas.names)
        if not names:
            return
        sessions = [self._session(name) for name in names]
        shares: dict[ClientSession, list[int]] = {}
        for n in index.tolist():
            row = self._rows[int(request.rows.ids[n])]
            loads = [len(one.rows) + len(shares.get(one, ())) for one in sessions]
            row.session = sessions[loads.index(min(loads))]
            row.tries += 1
            shares.setdefault(row.session, []).append(n)
        for session, rows in shares.items():
            session.begin(request, np.array(rows))

    def _session(self, replica: str) -> ClientSession:
        if replica not in self._sessions:
            self._sessions[replica] = ClientSession(replica, self._replicas, self)
        return self._sessions[replica]
