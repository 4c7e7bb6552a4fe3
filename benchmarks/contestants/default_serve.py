"""Ray Serve as it comes, on a Ray of its own: its proxy, no HAProxy, no throughput mode."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def default_serve(*servicers: str) -> Iterator[str]:
    """Start it with generated servicers of ``convoy.v1``, and give where its gRPC port is."""
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
        functions = [f"convoy.v1.{name}" for name in servicers]
        serve.start(
            http_options=HTTPOptions(host="127.0.0.1", port=http),
            grpc_options=gRPCOptions(port=grpc, grpc_servicer_functions=functions),
        )
        yield f"127.0.0.1:{grpc}"
        serve.shutdown()
        ray.shutdown()
