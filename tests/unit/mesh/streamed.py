"""A mesh with a streaming pipeline, without a cluster: real hosts, reached by their messages."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field

from convoy import Batch, Code, ConvoyError, Datatype, Tensor
from convoy_services.config import parse
from convoy_services.mesh import graph
from convoy_services.mesh.increment import Ids
from convoy_services.mesh.mesh import Mesh
from convoy_services.mesh.request import Request
from convoy_services.mesh.stream_host import StreamHost
from convoy_services.mesh.streams import Streams
from tests.mesh.streaming_stages import Say, Ticks

MESH = """
stages:
  ticks: {class: "tests.mesh.streaming_stages:Ticks"}
  say: {class: "tests.mesh.streaming_stages:Say", place_with: ticks}
pipelines:
  p:
    steps:
      - {stage: ticks, from: [n], to: {last: null}}
      - {stage: say, from: [count, stop]}
    outputs: [said, count]
  bare:
    steps:
      - {stage: ticks, from: [n]}
    outputs: {counted: count, last: last}
"""
AHEAD = """
stages:
  gate: {class: "tests.unit.mesh.stages:Gate", place_with: ticks}
  ticks: {class: "tests.mesh.streaming_stages:Ticks"}
  say: {class: "tests.mesh.streaming_stages:Say", place_with: ticks}
pipelines:
  p:
    steps:
      - {stage: gate, from: {x: n}, to: {y: counted}}
      - {stage: ticks, from: {n: counted}, to: {last: null}}
      - {stage: say, from: [count, stop]}
    outputs: [said, count]
"""
"""The same with a step before, in the same deployment."""
UNAVAILABLE = ConvoyError(Code.UNAVAILABLE, "gone", "REPLICA_UNAVAILABLE")


@dataclass
class LocalReplicas:
    """Replicas in this process; one that is killed ends its sessions and answers no more."""

    hosts: dict[str, StreamHost]
    dead: dict[str, asyncio.Event] = field(default_factory=dict)
    messages: int = 0
    controls: list[tuple[str, int, int]] = field(default_factory=list)
    """Of each call: the replica, how many requests began, how many rows were given up."""

    def __post_init__(self) -> None:
        self.dead = {name: asyncio.Event() for name in self.hosts}

    @property
    def names(self) -> list[str]:
        return list(self.hosts)

    async def session(self, replica: str, name: str) -> AsyncIterator[bytes]:
        session = self.hosts[replica].session(replica, name)
        dead = asyncio.create_task(self.dead[replica].wait())
        message: asyncio.Future[bytes] | None = None
        try:
            while True:
                message = asyncio.ensure_future(anext(session))
                await asyncio.wait((message, dead), return_when=asyncio.FIRST_COMPLETED)
                if dead.done():
                    raise UNAVAILABLE
                self.messages += bool(message.result())
                yield message.result()
        finally:
            dead.cancel()
            if message:
                message.cancel()
                await asyncio.wait((message,))
            await session.aclose()

    async def control(self, replica: str, name: str, begin: Sequence[bytes], cancel: Ids) -> None:
        if self.dead[replica].is_set():
            raise UNAVAILABLE
        self.controls.append((replica, len(begin), len(cancel)))
        await self.hosts[replica].control(replica, name, begin, cancel)


@dataclass
class Streamed:
    """A mesh of one deployment, which streams."""

    mesh: Mesh
    replicas: LocalReplicas

    @classmethod
    def of(cls, replicas: int = 1, text: str = MESH) -> "Streamed":
        plan = graph.plan(parse(text))
        [home] = plan.deployments
        stages = [plan.stages[name] for name in plan.deployments[home].stages]
        hops = [(name, hop) for name, p in plan.pipelines.items() for hop in p.hops]
        local = LocalReplicas({f"r{n}": StreamHost(stages, hops) for n in range(replicas)})
        return cls(Mesh(plan, {}, {home: Streams(local)}), local)

    def stages(self) -> list[tuple[Ticks, Say]]:
        """The stages of each replica."""
        return [tuple(host._made) for host in self.replicas.hosts.values()]  # type: ignore[misc]

    @property
    def held(self) -> int:
        """How many rows the replicas keep anything of."""
        return sum(
            ticks.held + len(say.stops) + len(host._rows)
            for (ticks, say), host in zip(self.stages(), self.replicas.hosts.values(), strict=True)
        )

    def request(self, *n: int, stop: int = -1, timeout: float = 20.0, **hooks: object) -> Request:
        columns = {
            "n": Tensor.pack(n, Datatype.INT64),
            "stop": Tensor.pack([stop] * len(n), Datatype.INT64),
        }
        now = asyncio.get_running_loop().time()
        inputs = Batch(rows=len(n), columns=columns)
        return Request(inputs=inputs, deadline=now + timeout, **hooks)  # type: ignore[arg-type]

    async def run(self, *n: int, **asked: object) -> Batch:
        return await self.mesh.pipeline("p").run(self.request(*n, **asked))  # type: ignore[arg-type]

    async def until_idle(self) -> None:
        await until(lambda: not self.held)


async def until(holds: Callable[[], bool]) -> None:
    """Wait until something that is not told of holds."""
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 (polled)
            await asyncio.sleep(0.002)
