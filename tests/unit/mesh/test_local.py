"""A stage in its host: what it is given, what it drops, and its life."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar

import numpy as np
import pytest

from convoy import Batch, Code, ConvoyError, Datatype, Tensor
from convoy_services.config import parse
from convoy_services.mesh import graph
from convoy_services.mesh.codec import CODECS
from convoy_services.mesh.context import RowContext
from convoy_services.mesh.hop import StageRequest, StageResponse
from convoy_services.mesh.host import StageHost
from convoy_services.mesh.loaded import stage_class
from convoy_services.mesh.local import LocalStage
from convoy_services.mesh.plan import StagePlan
from convoy_services.mesh.pool import Pool
from convoy_services.mesh.stage import StageKind
from tests.unit.mesh import stages
from tests.unit.mesh.hosted import numbers
from tests.unit.mesh.virtual_time import simulate


def plan(cls: str, settings: str = "", more: str = "") -> StagePlan:
    produced = {"Name": "name", "Living": "y"}.get(cls, "y")
    text = f"""
stages: {{s: {{class: "{__name__ if cls == "Living" else stages.__name__}:{cls}",
               settings: {{{settings}}}{more}}}}}
pipelines: {{p: {{steps: [{{stage: s}}], outputs: [{produced}]}}}}
"""
    return graph.plan(parse(text)).stages["s"]


def local(cls: str, settings: str = "") -> LocalStage:
    return LocalStage(plan(cls, settings), ThreadPoolExecutor(1))


def request(batch: Batch, *deadlines: float) -> StageRequest:
    rows = RowContext(
        ids=np.arange(batch.rows, dtype=np.uint64),
        deadlines=np.array(deadlines or [60.0] * batch.rows),
        priorities=np.ones(batch.rows, np.uint8),
    )
    return StageRequest(stage="s", rows=rows, batch=batch)


def call(stage: LocalStage, *given: Any, at: float = 0.0) -> StageResponse:
    async def scenario() -> StageResponse:
        await asyncio.sleep(at)
        return await stage.call(request(*given))

    return simulate(scenario())


def test_rows_whose_deadline_has_passed_are_dropped_before_the_stage_sees_them() -> None:
    response = call(local("Add", "bad: [2]"), numbers(1, 2, 3), 9.0, 4.0, 9.0, at=5.0)
    assert {row: e.code for row, e in response.batch.failures.items()} == {
        1: Code.DEADLINE_EXCEEDED
    }
    assert [response.batch["y"].tolist()[row] for row in (0, 2)] == [2, 4]
    assert response.report.expired == 1
    assert response.report.bisections == 0


def test_rows_that_are_all_late_cost_no_work() -> None:
    response = call(local("Add", "bad: [1]"), numbers(1, 2), 1.0, 5.0, at=5.0)
    assert {e.code for e in response.batch.failures.values()} == {Code.DEADLINE_EXCEEDED}
    assert response.batch.rows == 2
    assert response.report.expired == 2


def test_failures_keep_their_rows_when_others_are_late() -> None:
    response = call(local("Add", "refused: [4]"), numbers(1, 2, 3, 4, 5), 1, 9, 1, 9, 9, at=5.0)
    assert {row: e.reason for row, e in response.batch.failures.items()} == {
        0: "DEADLINE_EXCEEDED",
        2: "DEADLINE_EXCEEDED",
        3: "REFUSED",
    }
    assert [response.batch["y"].tolist()[row] for row in (1, 4)] == [3, 6]


def test_columns_that_were_left_out_take_their_defaults() -> None:
    assert call(local("Name"), numbers(1)).batch["name"].strings() == ["no. 1"]


@pytest.mark.parametrize(
    ("batch", "says"),
    [
        (Batch(rows=1), "column x is missing"),
        (
            Batch(rows=1, columns={"x": Tensor.pack([1.0], Datatype.FP64)}),
            "column x: the datatype is FP64",
        ),
    ],
)
def test_columns_that_the_stage_does_not_take_never_reach_it(batch: Batch, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        call(local("Add"), batch)


def test_work_is_done_in_the_compute_thread() -> None:
    """Beside the event loop, which answers meanwhile."""
    with ThreadPoolExecutor(1) as compute:
        stage = LocalStage(plan("AddLater"), compute)

        async def scenario() -> list[Any]:
            async with asyncio.timeout(30):
                deadline = asyncio.get_running_loop().time() + 30
                response = await stage.call(request(numbers(1, 2), deadline, deadline))
            return response.batch["y"].tolist()

        assert asyncio.run(scenario()) == [2, 3]


class Living(stages.Add):
    """Notes what happens to it."""

    log: ClassVar[list[Any]] = []

    def load(self) -> None:
        self.log.append(("load", self.cpus, self.gpus))

    def warm(self) -> None:
        self.log.append("warm")

    def close(self) -> None:
        self.log.append("close")


def test_a_stage_is_loaded_and_warmed_with_its_resources_and_closed_in_the_end() -> None:
    Living.log.clear()
    host = StageHost([plan("Living", more=", cpus: 3, gpus: 0.5")], [])
    assert Living.log == [("load", 3, 0.5), "warm"]
    del host
    assert Living.log[2:] == ["close"]


def test_a_stage_that_hangs_makes_its_replica_unhealthy(monkeypatch: pytest.MonkeyPatch) -> None:
    host = StageHost([plan("AddLater", more=", hangs_after: 5s")], [])
    host.check_health()
    monkeypatch.setattr(Pool, "busy", 4.9)
    host.check_health()
    monkeypatch.setattr(Pool, "busy", 5.1)
    with pytest.raises(TimeoutError, match="stage s hangs"):
        host.check_health()


@pytest.mark.parametrize(
    ("path", "exc"),
    [
        ("no.such:Stage", ImportError),
        (f"{stages.__name__}:Nope", AttributeError),
        (f"{stages.__name__}:NoStage", TypeError),
        (f"{stages.__name__}:INT", TypeError),
    ],
)
def test_what_is_no_stage_is_refused(path: str, exc: type[Exception]) -> None:
    with pytest.raises(exc):
        stage_class(path)


# The host


def ask(host: StageHost, payload: Any) -> Any:
    async def scenario() -> Any:
        return await host.call("inference", payload)

    return simulate(scenario())


CODEC = CODECS[StageKind.INFERENCE]


@pytest.mark.parametrize("by_reference", [False, True])
def test_an_answer_comes_back_the_way_the_request_came(by_reference: bool) -> None:
    raw = CODEC.write_request(request(numbers(1, 2)), 0.0)
    payload = np.frombuffer(raw, np.uint8) if by_reference else raw
    answer = ask(StageHost([plan("Add")], []), payload)
    assert isinstance(answer, np.ndarray) is by_reference
    assert CODEC.parse_response(bytes(answer)).batch["y"].tolist() == [2, 3]


def test_a_stage_that_the_host_has_not_is_not_found() -> None:
    message = CODEC.request(stage="other").SerializeToString()
    with pytest.raises(ConvoyError) as caught:
        ask(StageHost([plan("Add")], []), message)
    assert caught.value.code is Code.NOT_FOUND


def test_a_host_tells_what_it_costs() -> None:
    told = StageHost([plan("Add")], []).describe()
    assert told["pid"] > 0
    assert told["rss"] > 1 << 20
    assert told["import_s"] >= 0
    assert told["load_s"] >= 0
