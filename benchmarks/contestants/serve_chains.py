"""Both Serve chains on one Ray, in Serve's default mode."""

import sys

from benchmarks.contestants.default_serve import default_serve
from benchmarks.worker import Line

NAIVE, BATCHED = "naive", "batched"
"""The applications; a call names its own as metadata."""


def main() -> None:
    line = Line()
    with default_serve(
        "pipeline_pb2_grpc.add_PipelineServiceServicer_to_server",
        "embedding_pb2_grpc.add_EmbeddingServiceServicer_to_server",
    ) as address:
        from ray import serve

        from benchmarks.contestants.chain import build
        from benchmarks.contestants.work import Work

        work = Work(*sys.argv[1:])
        serve.run(build(work, batched=False), name=NAIVE, route_prefix="/naive")
        serve.run(build(work, batched=True), name=BATCHED, route_prefix="/batched")
        line.say(protocol="grpc", address=address)
        line.wait()


if __name__ == "__main__":
    main()
