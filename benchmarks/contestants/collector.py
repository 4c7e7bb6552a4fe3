"""A collector of traces that takes what comes, and keeps nothing."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as pb
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as grpc_pb

from benchmarks.worker import Line


class _Collector(grpc_pb.TraceServiceServicer):
    def Export(self, request: Any, context: Any) -> Any:
        return pb.ExportTraceServiceResponse()


def main() -> None:
    line = Line()
    server = grpc.server(ThreadPoolExecutor(1))
    grpc_pb.add_TraceServiceServicer_to_server(_Collector(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    line.say(address=f"127.0.0.1:{port}")
    line.wait()
    server.stop(None)


if __name__ == "__main__":
    main()
