"""The ingress's side of one session: what it begins in a replica, and what it is told."""

import asyncio
import uuid
from typing import Protocol

import numpy as np

from convoy import Code, ConvoyError
from convoy.tensor import Index
from convoy_services.mesh.codec import STREAM, parse_news
from convoy_services.mesh.fault import fault
from convoy_services.mesh.hop import StageRequest
from convoy_services.mesh.increment import Increment
from convoy_services.mesh.replicas import Replicas
from convoy_services.mesh.stream_status import StreamStatus

ANSWERS = 10.0
"""Seconds within which a replica opens a session, and takes what is begun."""


class Owner(Protocol):
    """Who is told what comes of a session."""

    def take(self, increment: Increment) -> None:
        """Take what a step brought."""
        ...

    def lose(self, session: "ClientSession", error: ConvoyError) -> None:
        """Do without it: nothing more comes of its rows."""
        ...


class ClientSession:
    """Sends what is begun and given up, in turn; hands on what comes.

    What gathers while a message is under way leaves with the next.
    """

    def __init__(self, replica: str, replicas: Replicas, owner: Owner) -> None:
        """Open a session with ``replica``."""
        self.replica = replica
        self.rows: set[int] = set()
        """Those that have not ended."""
        self.status = StreamStatus()
        """What the replica did when it was last told."""
        self._name = uuid.uuid4().hex
        self._replicas = replicas
        self._owner = owner
        self._begin: list[tuple[StageRequest, Index]] = []
        self._cancel: list[int] = []
        self._opened = asyncio.Event()
        self._due = asyncio.Event()
        self._task = asyncio.create_task(self._run())

    def begin(self, request: StageRequest, index: Index) -> None:
        """Begin with the rows ``index`` of a request."""
        self.rows.update(request.rows.ids[index].tolist())
        self._begin.append((request, index))
        self._due.set()

    def cancel(self, row: int) -> None:
        """Let go of a row."""
        self.rows.discard(row)
        self._cancel.append(row)
        self._due.set()

    def close(self) -> None:
        """End the session: its rows end with it."""
        self._task.cancel()

    async def _run(self) -> None:
        error = ConvoyError(
            Code.UNAVAILABLE, "it does not answer", "REPLICA_UNAVAILABLE", retry_after=1.0
        )
        sending = asyncio.create_task(self._send())
        listening = asyncio.create_task(self._listen())
        try:
            await asyncio.wait((sending, listening), return_when=asyncio.FIRST_COMPLETED)
            for task in (sending, listening):
                if task.done():
                    task.result()
        except TimeoutError:
            pass
        except ConvoyError as exc:
            error = exc
        except Exception as exc:
            error = fault("a session", exc)
        finally:
            sending.cancel()
            listening.cancel()
        self._owner.lose(self, error)

    async def _listen(self) -> None:
        async with asyncio.timeout(ANSWERS) as opening:
            async for message in self._replicas.session(self.replica, self._name):
                if message:
                    increment, self.status = parse_news(message)
                    if increment:
                        self._owner.take(increment)
                else:
                    opening.reschedule(None)
                    self._opened.set()

    async def _send(self) -> None:
        await self._opened.wait()
        while True:
            await self._due.wait()
            self._due.clear()
            begin, self._begin = self._begin, []
            cancel, self._cancel = self._cancel, []
            now = asyncio.get_running_loop().time()
            messages = [
                STREAM.write_request(wanted, now)
                for request, index in begin
                if (wanted := self._wanted(request, index))
            ]
            async with asyncio.timeout(ANSWERS):
                await self._replicas.control(
                    self.replica, self._name, messages, np.array(cancel, np.uint64)
                )

    def _wanted(self, request: StageRequest, index: Index) -> StageRequest | None:
        """Give the rows that nobody has given up meanwhile, if there are any."""
        wanted = [n for n in index.tolist() if int(request.rows.ids[n]) in self.rows]
        return request.take(np.array(wanted)) if wanted else None
