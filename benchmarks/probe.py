"""A worker that joins a mesh's Ray as a driver and puts two deployments beside the mesh's own."""

import asyncio
import sys
from typing import Any

from benchmarks.worker import Line

APP = "probe"


def main() -> None:
    line = Line()
    import logging

    import ray
    from ray import serve

    from benchmarks.contestants.sink import Caller, Sink, summary

    ray.init(
        address=sys.argv[1],
        namespace="serve",
        log_to_driver=False,
        logging_level=logging.WARNING,
    )
    options: dict[str, Any] = {"ray_actor_options": {"num_cpus": 0}, "max_ongoing_requests": 1000}
    sink = serve.deployment(**options)(Sink).bind()
    app = serve.deployment(**options)(Caller).bind(sink)
    caller = serve.run(app, name=APP, route_prefix="/probe")

    async def time(*, size: int, seconds: float, by_reference: bool) -> dict[str, Any]:
        return summary(await caller.time.remote(size, seconds, by_reference))

    loop = asyncio.new_event_loop()  # one for all: in the mesh's mode a handle keeps to its loop
    line.say(app=APP)
    line.serve(lambda **question: loop.run_until_complete(time(**question)))
    serve.delete(APP)
    ray.shutdown()


if __name__ == "__main__":
    main()
