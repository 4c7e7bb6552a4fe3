"""A real Prometheus that scrapes a mesh."""

import asyncio
import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import urlopen

import yaml

from convoy_services.local.ports import Ports

WITHIN = 60.0
"""Seconds for it to start and have data; a deadline, never an expectation."""


class Prometheus:
    """Answers queries over what it has scraped."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}/api/v1/query"

    async def until(self, query: str) -> list[Any]:
        """Wait for a query to have a result."""
        deadline = time.monotonic() + WITHIN
        while not (found := await asyncio.to_thread(self.query, query)):
            assert time.monotonic() < deadline, f"no data: {query}"
            await asyncio.sleep(0.2)
        return found

    def query(self, query: str) -> list[Any]:
        """Give the result; AssertionError for what is no query; empty while it starts."""
        try:
            with urlopen(f"{self._url}?{urlencode({'query': query})}", timeout=10) as answer:
                result: list[Any] = json.load(answer)["data"]["result"]
                return result
        except HTTPError as error:
            if error.code == HTTPStatus.SERVICE_UNAVAILABLE:
                return []
            raise AssertionError(f"{query}: {error.read().decode()}") from error
        except URLError:
            return []


@contextmanager
def scraping(metrics_port: int, folder: Path) -> Iterator[Prometheus]:
    """Start Debian's Prometheus on a port of its own, and end it."""
    config = folder / "prometheus.yml"
    job = {"job_name": "convoy", "static_configs": [{"targets": [f"127.0.0.1:{metrics_port}"]}]}
    config.write_text(
        yaml.safe_dump({"global": {"scrape_interval": "500ms"}, "scrape_configs": [job]})
    )
    ports, claim = Ports.choose(0)
    with claim, (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={config}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{ports.http}",
            ],
            stdout=log,
            stderr=log,
        )
        try:
            yield Prometheus(ports.http)
        finally:
            process.kill()
            process.wait()
