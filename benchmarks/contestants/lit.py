"""LitServe: the three steps in its one worker process, with its batching; HTTP and JSON."""

import os
import sys
from typing import Any

from benchmarks.worker import Line

LINE = Line() if __name__ == "__main__" else None

import litserve  # noqa: E402 (it prints)

from benchmarks.contestants.ports import free  # noqa: E402
from benchmarks.contestants.work import Work  # noqa: E402

MOST = 64
WAIT = 0.005
"""Seconds that a batch is waited for; with 0, LitServe makes none."""


class Api(litserve.LitAPI):
    def __init__(self, *args: str) -> None:
        super().__init__(max_batch_size=MOST, batch_timeout=WAIT)
        self._work = Work(*args)
        self._key = "data" if self._work.name == "echo" else "text"

    def setup(self, device: str) -> None:
        self._steps = [self._work.step(number) for number in range(3)]

    def decode_request(self, request: dict[str, Any]) -> Any:
        return request[self._key]

    def batch(self, inputs: list[Any]) -> list[Any]:
        return list(inputs)

    def predict(self, rows: list[Any]) -> list[Any]:
        for step in self._steps:
            rows = step(rows)
        return rows

    def unbatch(self, output: list[Any]) -> list[Any]:
        return list(output)

    def encode_response(self, output: Any) -> dict[str, Any]:
        return {"data": output} if self._key == "data" else {"values": output.tolist()}


def main(line: Line) -> None:
    import threading
    import time
    from urllib.error import URLError
    from urllib.request import urlopen

    import psutil

    (port,) = free(1)

    def watch() -> None:
        while True:
            try:
                with urlopen(f"http://127.0.0.1:{port}/health") as answer:
                    if answer.status == 200:
                        break
            except (URLError, OSError):
                time.sleep(0.1)
        line.say(protocol="http", address=f"127.0.0.1:{port}")
        line.wait()
        for process in psutil.Process().children(recursive=True):
            process.kill()
        os._exit(0)

    threading.Thread(target=watch, daemon=True).start()
    server = litserve.LitServer(Api(*sys.argv[1:]), accelerator="cpu")
    server.run(host="127.0.0.1", port=port, log_level="warning", generate_client_file=False)


if __name__ == "__main__":
    assert LINE
    main(LINE)
