"""Events of a start, and the errors in them."""

from pathlib import Path

from convoy_services.local.errors import DIED, last_error, not_started
from convoy_services.local.events import Event, Kind, read

READY = Event(kind=Kind.READY, seconds=12.5)
STAGE = Event(kind=Kind.STAGE, seconds=3.0, deployment="a", stages=("a", "b"), load_s=1.5)

TRACEBACK = """\
Traceback (most recent call last):
  File "/x/stages.py", line 6, in load
    raise RuntimeError("no such weights")
RuntimeError: no such weights:
/models/x
"""


def test_events_are_read_as_they_were_written(tmp_path: Path) -> None:
    file = tmp_path / "events"
    assert list(read(file)) == []
    STAGE.write(file)
    READY.write(file)
    assert list(read(file)) == [STAGE, READY]
    assert list(read(file, skip=1)) == [READY]


def test_half_an_event_waits_for_its_other_half(tmp_path: Path) -> None:
    file = tmp_path / "events"
    READY.write(file)
    whole = file.read_text()
    file.write_text(whole + whole[:10])
    assert list(read(file)) == [READY]


def test_the_error_of_a_traceback_is_its_end() -> None:
    assert last_error(TRACEBACK) == "RuntimeError: no such weights: /models/x"
    assert last_error("it failed:\nActorDiedError()\n") == DIED
    assert last_error("some words\nand more\n") == "and more"
    assert last_error("") == ""


def test_every_stage_that_does_not_start_is_named() -> None:
    error = not_started({"a": TRACEBACK, "b": "no GPU"}, "it failed")
    assert str(error) == (
        "stage a does not start: RuntimeError: no such weights: /models/x; "
        "stage b does not start: no GPU"
    )
    assert str(not_started({}, "it failed")) == "it failed"
