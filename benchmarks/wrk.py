"""HTTP load by wrk (Debian's), a closed loop in C: what it costs itself hardly counts."""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.request import Request, urlopen

SCRIPT = """
local file = io.open("{body}", "rb")
wrk.method, wrk.body = "POST", file:read("*a")
wrk.headers["content-type"] = "{content_type}"
file:close()
function done(summary, latency, requests)
  local e = summary.errors
  print(string.format('{{"requests": %d, "us": %d, "p50": %d, "p99": %d, "bad": %d}}',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    e.connect + e.read + e.write + e.status + e.timeout))
end
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrk:
    """One request, sent over and over."""

    url: str
    body: bytes
    content_type: str

    def answer(self) -> bytes:
        """Send it once; raises HTTPError where it is refused."""
        request = Request(self.url, self.body, {"content-type": self.content_type})
        with urlopen(request, timeout=30) as reply:
            return bytes(reply.read())

    def __post_init__(self) -> None:
        """Raise RuntimeError where there is no wrk."""
        if not shutil.which("wrk"):
            raise RuntimeError("the load comes from wrk: apt-get install wrk")

    def measure(self, in_flight: int, seconds: float) -> Mapping[str, float]:
        """Load with so many connections; raises RuntimeError where an answer is none."""
        with tempfile.TemporaryDirectory() as folder:
            body, script = Path(folder, "body"), Path(folder, "script.lua")
            body.write_bytes(self.body)
            script.write_text(SCRIPT.format(body=body, content_type=self.content_type))
            command = ["wrk", "-t1", f"-c{in_flight}", f"-d{seconds:.0f}s", "-s", str(script)]
            said = subprocess.run(
                [*command, self.url], capture_output=True, text=True, check=True
            ).stdout
        found = json.loads(said.splitlines()[-1])
        if found["bad"]:
            raise RuntimeError(f"wrk: {found['bad']} of {found['requests']} have no answer")
        return {
            "rate": found["requests"] / found["us"] * 1e6,
            "p50_ms": found["p50"] / 1e3,
            "p99_ms": found["p99"] / 1e3,
        }
