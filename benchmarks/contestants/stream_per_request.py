"""A worker that puts ``passing`` beside a mesh, in the same Serve."""

import sys
from typing import Any

from benchmarks.worker import Line

APP, INGRESS, ENGINE = "per-request", "passing", "ticking"


def main() -> None:
    line = Line()
    import logging

    import ray
    from ray import serve

    from benchmarks.contestants.passing import Passing, Ticking
    from convoy_services.app import COMMON

    ray.init(
        address=sys.argv[1],
        namespace="serve",
        log_to_driver=False,
        logging_level=logging.WARNING,
    )
    options: dict[str, Any] = COMMON | {"ray_actor_options": {"num_cpus": 0}}
    engine = serve.deployment(name=ENGINE, **options)(Ticking).bind(float(sys.argv[2]))
    app = serve.deployment(name=INGRESS, **options)(Passing).bind(engine)
    serve.run(app, name=APP, route_prefix="/per-request")
    line.say(application=APP)
    line.wait()
    serve.delete(APP)
    ray.shutdown()


if __name__ == "__main__":
    main()
