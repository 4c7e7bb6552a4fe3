"""What Serve starts as HAProxy: it mends the configuration, and becomes HAProxy itself.

Run as ``haproxy.py BINARY ANSWER -db -f CONFIG …``, with what Serve passes from the third on. It
stands where RAY_SERVE_HAPROXY_BINARY_PATH says, and closes what Serve leaves open:

* What HAProxy answers in the place of an ingress is a 500, for gRPC the code UNKNOWN, which nobody
  retries. It becomes ANSWER: UNAVAILABLE, with the mesh's own details. Likewise the NOT_FOUND of
  an application that does not run yet.
* A manager that starts anew begins with no backends at all. It keeps those of its predecessor
  until Serve has told it better.
* A HAProxy whose manager has died goes on serving. The successor takes its listening sockets over,
  as it would at a reload, so that no connection is refused.
* A HAProxy that finishes tells every connection to go, and leaves open those that do not. A gRPC
  client that is told while it connects misses it, and fails every call until the connection ends.

Only the standard library is there: it runs without site-packages, in some milliseconds.
"""

import os
import re
import socket
import sys
from pathlib import Path

PROC = Path("/proc")

IDLE = "timeout client-fin 500ms"
"""How long an idle connection lives on that was told to go."""


def main() -> None:
    """Mend the configuration and become HAProxy."""
    binary, answer, *arguments = sys.argv[1:]
    config = Path(arguments[arguments.index("-f") + 1])
    mend(config, Path(answer))
    if "-sf" not in arguments:
        arguments += takeover(config, predecessors(binary, config))
    os.execv(binary, [binary, *arguments])


def mend(config: Path, answer: Path) -> None:
    """Rewrite HAProxy's configuration and the file of its own errors."""
    text, last = config.read_text(), config.with_name("last.cfg")
    if re.search(r"^backend grpc-", text, re.MULTILINE):
        last.write_text(text)
    elif last.exists():
        text = last.read_text()
    text = text.replace("hdr grpc-status 5 ", "hdr grpc-status 14 ")
    config.write_text(close_idle(text))
    for error in set(re.findall(r"^\s*errorfile \d+ (\S+)", text, re.MULTILINE)):
        Path(error).write_bytes(answer.read_bytes())


def close_idle(text: str) -> str:
    """Have HAProxy close connections on which nothing is under way once it has finished."""
    return text if IDLE in text else re.sub("(?m)^defaults$", rf"\g<0>\n    {IDLE}", text)


def predecessors(binary: str, config: Path) -> list[int]:
    """Find the HAProxies that run with the same configuration."""
    found = []
    for entry in PROC.iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                words = (entry / "cmdline").read_text(errors="replace").split("\0")
            except OSError:
                continue
            if words[0] == binary and str(config) in words:
                found.append(int(entry.name))
    return found


def takeover(config: Path, pids: list[int]) -> list[str]:
    """Give the arguments by which HAProxy takes over from processes that still serve."""
    found = re.search(r"^\s*stats socket (\S+)", config.read_text(), re.MULTILINE)
    if not pids or not found:
        return []
    with socket.socket(socket.AF_UNIX) as admin:
        if admin.connect_ex(found[1]):
            return []
    return ["-sf", *map(str, pids), "-x", found[1]]


if __name__ == "__main__":
    main()
