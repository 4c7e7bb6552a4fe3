"""Both Serve chains on one Ray of their own, in Serve's default mode: its proxy, no HAProxy."""

import os
import sys
import tempfile
from pathlib import Path

from benchmarks.worker import Line

NAIVE, BATCHED = "naive", "batched"
"""The applications; a call names its own as metadata."""


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

    from benchmarks.contestants.chain import build
    from benchmarks.contestants.ports import free
    from benchmarks.contestants.work import Work

    work = Work(*sys.argv[1:])
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
        servicers = [
            "convoy.v1.pipeline_pb2_grpc.add_PipelineServiceServicer_to_server",
            "convoy.v1.embedding_pb2_grpc.add_EmbeddingServiceServicer_to_server",
        ]
        serve.start(
            http_options=HTTPOptions(host="127.0.0.1", port=http),
            grpc_options=gRPCOptions(port=grpc, grpc_servicer_functions=servicers),
        )
        serve.run(build(work, batched=False), name=NAIVE, route_prefix="/naive")
        serve.run(build(work, batched=True), name=BATCHED, route_prefix="/batched")
        line.say(protocol="grpc", address=f"127.0.0.1:{grpc}")
        line.wait()
        serve.shutdown()
        ray.shutdown()


if __name__ == "__main__":
    main()
