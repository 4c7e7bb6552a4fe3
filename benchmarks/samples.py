"""What py-spy's samples say: whose code an event loop's thread spends its time in."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

OWNERS = (
    ("convoy_services/rpc", "Convoy: servicers"),
    ("convoy_services/mesh", "Convoy: runtime"),
    ("convoy_services/", "Convoy: stages"),
    ("convoy/", "Convoy: columns and their wire form"),
    ("ray/serve", "Ray Serve"),
    ("ray/util/metrics", "Ray: metrics"),
    ("logging/", "logging"),
    ("grpc/", "grpcio, in Python"),
)
CORE = "event loop, gRPC core and protobuf, in C"
LOOP = "AsyncIO"
"""In the name of the thread that runs an actor's event loop."""

Stack = list[str]


def record(pid: int, file: Path, seconds: float, rate: int = 200) -> subprocess.Popen[bytes]:
    """Begin to sample the threads of a process that hold the GIL."""
    spy = Path(sys.executable).with_name("py-spy")
    what = ["record", "--gil", "--function", "--threads", "--format", "raw", "--nonblocking"]
    command = [
        str(spy),
        *what,
        "-d",
        f"{seconds:.0f}",
        "-r",
        f"{rate}",
        "-o",
        f"{file}",
        "-p",
        f"{pid}",
    ]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def read(file: Path) -> list[tuple[Stack, int]]:
    """Give the stacks of the event loop's thread, outermost first, with their counts."""
    stacks = []
    for line in file.read_text().splitlines():
        frames, _, count = line.rpartition(" ")
        thread, *stack = frames.split(";")
        if LOOP in thread:
            stacks.append((stack, int(count)))
    return stacks


def owners(stacks: list[tuple[Stack, int]]) -> list[tuple[str, float]]:
    """Give each owner's share: a sample belongs to the innermost frame whose owner is known."""
    shares: Counter[str] = Counter()
    for stack, count in stacks:
        shares[_owner(stack)] += count
    return _shares(shares)


def functions(stacks: list[tuple[Stack, int]], most: int) -> list[tuple[str, float]]:
    """Give the functions of Convoy, Ray and gRPC under which most samples lie."""
    inside: Counter[str] = Counter()
    for stack, count in stacks:
        inside.update(dict.fromkeys((f for f in stack if _known(f)), count))
    total = sum(count for _, count in stacks)
    return [(name, count / total) for name, count in inside.most_common(most)]


def _owner(stack: Stack) -> str:
    for frame in reversed(stack):
        if owner := _known(frame):
            return owner
    return CORE


def _known(frame: str) -> str | None:
    file = frame.partition(" (")[2]
    for part, owner in OWNERS:
        if file.startswith(part) or f"/{part}" in file:
            return owner
    return None


def _shares(counts: Counter[str]) -> list[tuple[str, float]]:
    total = sum(counts.values()) or 1
    return [(name, count / total) for name, count in counts.most_common()]
