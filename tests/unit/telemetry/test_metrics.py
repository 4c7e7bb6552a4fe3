"""What is counted, and that no caller can make series of their own."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest, values
from prometheus_client.parser import text_string_to_metric_families

from convoy import Batch, Code, ConvoyError, Tensor
from convoy_services.mesh.context import BACKGROUND, URGENT
from convoy_services.mesh.hop import Carriage, StageReport, Transport
from convoy_services.mesh.journey import Crossing, Journey
from convoy_services.mesh.plan import Limits
from convoy_services.mesh.request import Request
from convoy_services.telemetry.endpoint import Node
from convoy_services.telemetry.metrics import OTHER, REASONS, SPECS, Metrics, markdown
from tests.unit.mesh.simulator import Stage, chain
from tests.unit.mesh.virtual_time import simulate


def told(registry: CollectorRegistry) -> dict[tuple[str, str], float]:
    """Give each series by its name and its labels' values."""
    families = text_string_to_metric_families(generate_latest(registry).decode())
    return {
        (sample.name, ",".join(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def within_loop(request_of: int = 1) -> Request:
    async def make() -> Request:
        batch = Batch(rows=request_of, columns={"x": Tensor.texts(["a"] * request_of)})
        return Request(inputs=batch, deadline=60.0, priority=URGENT)

    return simulate(make())


def journey() -> Journey:
    hop = Crossing(
        hop="encode",
        rows=3,
        began=10.0,
        ended=10.5,
        report=StageReport(queue_us=1000, compute_us=200_000, bisections=2),
        carriage=Carriage(transport=Transport.VALUE, sent=100, received=50, serialize_s=0.001),
        sent_again=3,
    )
    hop.fell_back["BUDGET_EXCEEDED"] = 2
    return Journey(
        rows=3, nbytes=30, requests=2, left=10.0, landed=10.6, cancelled=1, crossings=[hop]
    )


def test_a_batch_is_counted_with_all_that_happened_to_it() -> None:
    metrics = Metrics()
    metrics.landed("p", journey())
    seen = told(metrics.registry)
    assert seen["convoy_batch_rows_sum", "p"] == 3
    assert seen["convoy_batch_requests_sum", "p"] == 2
    assert seen["convoy_hop_seconds_sum", "p,encode"] == pytest.approx(0.5)
    assert seen["convoy_compute_seconds_sum", "p,encode"] == pytest.approx(0.2)
    assert seen["convoy_hop_queue_seconds_sum", "p,encode"] == pytest.approx(0.001)
    assert seen["convoy_serialize_seconds_sum", "p,encode"] == pytest.approx(0.001)
    assert seen["convoy_hop_bytes_total", "p,encode,value"] == 150
    assert seen["convoy_retries_total", "p,encode"] == 3
    assert seen["convoy_bisections_total", "p,encode"] == 2
    assert seen["convoy_fallbacks_total", "p,BUDGET_EXCEEDED,encode"] == 2
    assert seen["convoy_dropped_rows_total", "p,cancelled"] == 1
    assert ("convoy_orphans_total", "p,encode") not in seen


def test_a_request_is_counted_by_its_code_and_a_refusal_by_its_reason() -> None:
    metrics = Metrics()
    answered = within_loop()
    answered.journeys.append(journey())
    metrics.ended("p", answered, None)
    metrics.ended("p", within_loop(), ConvoyError(Code.RESOURCE_EXHAUSTED, "full", "QUEUE_FULL"))
    seen = told(metrics.registry)
    assert seen["convoy_request_seconds_count", "OK,p,urgent"] == 1
    assert seen["convoy_request_seconds_count", "RESOURCE_EXHAUSTED,p,urgent"] == 1
    assert seen["convoy_refusals_total", "p,QUEUE_FULL"] == 1


def test_10_000_odd_requests_make_a_bounded_number_of_series() -> None:
    metrics, chance = Metrics(), random.Random(3)
    request = within_loop()
    for n in range(10_000):
        request.priority = chance.randint(BACKGROUND, URGENT)
        error = ConvoyError(chance.choice(list(Code)), "odd", f"REASON_{chance.random()}")
        metrics.ended("p", request, error)
        odd = Journey(rows=n, nbytes=n, landed=n, crossings=[Crossing(hop="s", rows=1, began=0)])
        odd.crossings[0].error = f"REASON_{n}"
        metrics.landed("p", odd)
    series = told(metrics.registry)
    reasons = {reason for _, reason in series if "REASON" in reason}
    assert len(reasons) <= REASONS
    assert ("convoy_refusals_total", f"p,{OTHER}") in series
    assert ("convoy_hop_failures_total", f"p,{OTHER},s") in series
    assert len(series) < 2500


def test_what_never_happened_is_told_as_none() -> None:
    metrics = Metrics()
    metrics.begin(chain({"a": Stage(lambda _: 0.0)}).plan)
    seen = told(metrics.registry)
    assert seen["convoy_orphans_total", "chain,a"] == 0
    assert seen["convoy_refusals_total", "chain,QUEUE_FULL"] == 0


def test_gauges_tell_what_waits_and_what_is_under_way() -> None:
    async def scenario() -> dict[tuple[str, str], float]:
        metrics = Metrics()
        metrics.look(chain({"a": Stage(lambda _: 0.0)}, Limits()))
        return told(metrics.registry)

    seen = simulate(scenario())
    assert seen["convoy_slots", "a"] == 2
    assert seen["convoy_queue_rows", "chain"] == 0
    assert seen["convoy_ready", "chain"] == 1


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(values, "ValueClass", values.ValueClass)
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", "")
    return tmp_path


def test_a_node_adds_up_its_processes_and_forgets_the_gauges_of_the_dead(folder: Path) -> None:
    metrics = Metrics(folder)
    metrics.landed("p", journey())
    metrics.look(chain({"a": Stage(lambda _: 0.0)}))
    [counters] = folder.glob("counter_*.db")
    [gauges] = folder.glob("gauge_livesum_*.db")
    dead = 2**22 + 1  # no process can have it
    for file, kind in ((counters, "counter"), (gauges, "gauge_livesum")):
        (folder / f"{kind}_{dead}.db").write_bytes(file.read_bytes())
    node = CollectorRegistry()
    node.register(Node(folder))
    seen = told(node)
    assert seen["convoy_retries_total", "p,encode"] == 2 * 3
    assert seen["convoy_slots", "a"] == 2
    assert not (folder / f"gauge_livesum_{dead}.db").exists()


def test_every_metric_is_named_as_prometheus_advises() -> None:
    for spec in SPECS:
        assert spec.name.startswith("convoy_")
        assert not spec.name.endswith("_total")  # the library adds it to counters
        assert spec.help.endswith(".")
        if spec.kind == "histogram":
            assert list(spec.buckets) == sorted(spec.buckets)


def test_the_table_of_the_docs_is_made_of_the_code() -> None:
    """``python -c "from convoy_services.telemetry.metrics import markdown; print(markdown())"``."""
    docs = Path(__file__).parents[3] / "docs/observability.md"
    assert markdown() in docs.read_text()
