"""The naive Serve chain of the recommender: one handle call a request and step, default mode."""

import sys
from pathlib import Path

from benchmarks.contestants.default_serve import default_serve
from benchmarks.worker import Line


def main() -> None:
    line = Line()
    with default_serve(
        "recommendation_pb2_grpc.add_RecommendationServiceServicer_to_server"
    ) as address:
        from ray import serve

        from benchmarks.contestants.recommend_steps import build

        serve.run(build(Path(sys.argv[1]).read_text()), name="naive", route_prefix="/")
        line.say(protocol="grpc", address=address, application="naive")
        line.wait()


if __name__ == "__main__":
    main()
