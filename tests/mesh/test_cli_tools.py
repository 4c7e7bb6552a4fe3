"""``convoy bench``, ``top``, ``health`` and ``call --timing`` against the session's mesh."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from convoy import SyncClient, Timing
from convoy_services.local.mesh import LocalMesh

STEPS = ["receive", "reflect", "return"]


def convoy(*words: str, status: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-c", "from convoy_services.cli import app; app()", *words],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "COLUMNS": "140"},
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done


def test_bench_loads_in_both_ways_and_tells_where_the_time_goes(
    mesh: LocalMesh, tmp_path: Path
) -> None:
    page = tmp_path / "bench.html"
    loads = ("--concurrency", "4", "--rate", "40", "--duration", "2s")
    done = convoy("bench", "echo", *loads, "--target", mesh.target, "--json", "--html", str(page))
    closed, opened = json.loads(done.stdout)["results"]
    assert (closed["load"], opened["load"]) == ("4 in flight", "40 calls/s")
    for result in (closed, opened):
        assert result["codes"] == {"OK": result["answered"]}
        assert result["ms"]["p50"] <= result["ms"]["p99"] <= result["ms"]["max"]
        assert [hop["name"] for hop in result["hops"]] == ["queue", "batch", *STEPS, "total"]
    assert 40 < opened["calls"] < 120
    assert "too few for a p99" in done.stderr
    assert "<svg" in page.read_text()
    assert "4 in flight" in page.read_text()


def test_bench_takes_real_rows_and_counts_what_fails(mesh: LocalMesh, tmp_path: Path) -> None:
    rows = tmp_path / "rows.json"
    rows.write_text('["fine", "bad"]')
    done = convoy(
        *("bench", "fussy", "--file", str(rows), "--concurrency", "1", "--duration", "1s"),
        *("--target", mesh.target),
    )
    assert "INTERNAL" in done.stdout
    assert "1 in flight" in done.stdout


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["nothing"], "there is no pipeline 'nothing'"),
        (["echo", "--concurrency", "x"], "numbers with commas"),
        (["echo", "--rate", "0"], "above 0"),
        (["echo", "--duration", "4"], "a duration is a number with"),
    ],
)
def test_bench_refuses_what_is_wrong(mesh: LocalMesh, words: list[str], says: str) -> None:
    assert says in convoy("bench", *words, "--target", mesh.target, status=1).stderr


def test_top_shows_what_the_mesh_does(mesh: LocalMesh) -> None:
    with SyncClient(mesh.target) as client:
        client.run("echo", {"data": ["a"]})
    shown = convoy("top", "--once", "--every", "0.5", "--name", mesh.settings.name).stdout
    for word in ("echo", "echo / reflect", "ingress", "HEALTHY", "req/s", "p99"):
        assert word in shown
    assert "no mesh nothing" in convoy("top", "--name", "nothing", status=1).stderr


def test_health_is_an_exit_status(mesh: LocalMesh) -> None:
    assert convoy("health", "--target", mesh.target).stdout == "SERVING\n"
    assert convoy("health", "stage/encode", "--target", mesh.target).stdout == "SERVING\n"
    assert "NOT_FOUND" in convoy("health", "stage/x", "--target", mesh.target, status=1).stderr


def test_a_call_tells_where_its_time_went(mesh: LocalMesh) -> None:
    done = convoy("call", "echo", "--text", "a", "--timing", "--target", mesh.target)
    assert json.loads(done.stdout) == [{"data": "a"}]
    for step in STEPS:
        assert step in done.stderr


def test_the_client_tells_the_same(mesh: LocalMesh) -> None:
    with SyncClient(mesh.target) as client:
        timing = Timing()
        client.run("echo", {"data": ["a"]}, timing=timing)
        assert [entry.name for entry in timing] == ["queue", "batch", *STEPS, "total"]
        by_name = {entry.name: entry for entry in timing}
        assert sum(by_name[step].milliseconds for step in STEPS) <= by_name["batch"].milliseconds
        assert by_name["batch"].details["rows"] == "1"
        assert 0 < float(by_name["reflect"].details["compute"]) < by_name["reflect"].milliseconds
        streamed = Timing()
        assert len(list(client.stream("echo", {"data": ["a"]}, timing=streamed))) == 1
        assert [entry.name for entry in streamed] == [entry.name for entry in timing]
        embedded = Timing()
        client.embed(["a"], timing=embedded)
        assert "encode" in {entry.name for entry in embedded}
