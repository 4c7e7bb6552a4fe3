"""The page in a real browser, before a real mesh."""

import os
import signal

import pytest

from tests.browser.conftest import Restarted, Visiting

pytestmark = pytest.mark.timeout(400)  # the first trains models, the last starts the mesh again


@pytest.mark.parametrize(
    "scenario",
    [
        "pipelines",
        "search",
        "recommend",
        "chat",
        "caption",
        "failure",
        "keyboard",
        "accessible",
    ],
)
def test_a_visitor(visit: Visiting, scenario: str) -> None:
    visit(scenario).end()


def test_a_step_that_is_killed_is_seen_as_degraded(visit: Visiting, mesh: Restarted) -> None:
    visitor = visit("degraded")
    visitor.until("busy")
    [replica] = [p for p in mesh.running.members() if p.name == "ServeReplica:convoy:rank_dwell"]
    os.kill(replica.pid, signal.SIGKILL)
    visitor.go()
    visitor.end()


def test_the_mesh_is_restarted_underneath(visit: Visiting, mesh: Restarted) -> None:
    visitor = visit("restart")
    visitor.until("answered")
    mesh.stop()
    visitor.go()
    visitor.until("away")
    mesh.start()
    visitor.go()
    visitor.end()
