"""Finding and ending the processes of a mesh."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from convoy_services.local.processes import Process, kill, members, session, sweep
from convoy_services.local.settings import MARK

RUN = Path("/tmp/convoy-unit-test")

FAMILY = """
import os, subprocess, sys, time
forget = {**os.environ, "TITLE": "gone"}
forget.pop(sys.argv[1], None)
sleep = [sys.executable, "-c", "import time; time.sleep(60)"]
child = subprocess.Popen(sleep, env=forget)
stray = subprocess.Popen(sleep, start_new_session=True)
print(child.pid, stray.pid, flush=True)
time.sleep(60)
"""
"""A process with a child that has lost the mesh's mark, and one that has left the session."""


@pytest.fixture
def family() -> Iterator[list[Process]]:
    """Give leader, child and stray; the leader is this test's to end."""
    leader = subprocess.Popen(
        [sys.executable, "-c", FAMILY, MARK],
        env={**os.environ, MARK: str(RUN)},
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert leader.stdout is not None
    pids = [leader.pid, *map(int, leader.stdout.readline().split())]
    found = [process for process in map(Process.find, pids) if process is not None]
    yield found
    kill(found)  # and wait: what still ends bears the mark that the next test looks for
    leader.wait()
    leader.stdout.close()


def test_members_share_the_session_or_the_mark(family: list[Process]) -> None:
    assert {p.pid for p in members(RUN, family[0])} == {p.pid for p in family}


def test_members_are_found_when_the_leader_is_dead(family: list[Process]) -> None:
    leader, child, stray = family
    os.kill(leader.pid, signal.SIGKILL)
    while leader.alive:
        pass
    assert {p.pid for p in members(RUN, leader)} == {child.pid, stray.pid}
    assert [p.pid for p in session(leader)] == [child.pid]
    sweep(RUN, leader)
    assert not child.alive
    assert not stray.alive


def test_the_age_of_a_process_is_counted(family: list[Process]) -> None:
    assert 0 <= family[0].age < 60


def test_a_later_process_of_the_same_id_is_another(family: list[Process]) -> None:
    leader, _, stray = family
    earlier = Process(pid=leader.pid, parent=0, started=leader.started - 1)
    assert not earlier.alive
    assert {p.pid for p in members(RUN, earlier)} == {leader.pid, stray.pid}
    assert members(Path("/tmp/convoy-another"), earlier) == []


def test_memory_is_counted() -> None:
    me = Process.find(os.getpid())
    assert me is not None
    assert me.memory > 1_000_000
