"""The naive Serve chain of the recommender: one handle call a request and step, default mode."""

import os
import sys
import tempfile
from pathlib import Path

from benchmarks.worker import Line

NAIVE = "naive"


def main() -> None:
    line = Line()
    for name in [name for name in os.environ if name.startswith("RAY_")]:
        del os.environ[name]
    os.environ |= {
        "RAY_AUTH_MODE": "disabled",
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_worker_niceness": "0",  # as the mesh has it: all contestants at one priority
        "PYTHONPATH": ":".join(path for path in (str(Path.cwd()), *sys.path) if path),
    }
    import logging

    import ray
    from ray import serve
    from ray.serve.config import HTTPOptions, gRPCOptions

    from benchmarks.contestants.ports import free
    from benchmarks.contestants.recommend_steps import build

    grpc, http = free(2)
    with tempfile.TemporaryDirectory(prefix="cb-", dir="/tmp") as folder:
        ray.init(
            num_cpus=4,
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.WARNING,
            object_store_memory=256 << 20,
            _temp_dir=folder,
        )
        add = "convoy.v1.recommendation_pb2_grpc.add_RecommendationServiceServicer_to_server"
        serve.start(
            http_options=HTTPOptions(host="127.0.0.1", port=http),
            grpc_options=gRPCOptions(port=grpc, grpc_servicer_functions=[add]),
        )
        serve.run(build(Path(sys.argv[1]).read_text()), name=NAIVE, route_prefix="/")
        line.say(protocol="grpc", address=f"127.0.0.1:{grpc}", application=NAIVE)
        line.wait()
        serve.shutdown()
        ray.shutdown()


if __name__ == "__main__":
    main()
