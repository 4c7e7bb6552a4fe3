"""A bare grpcio.aio server: it gives back what comes, over the same messages, without a hop."""

import asyncio

import grpc

from benchmarks.worker import Line
from convoy.v1 import pipeline_pb2 as pb
from convoy.v1 import pipeline_pb2_grpc as grpc_pb


class Echo(grpc_pb.PipelineServiceServicer):
    async def Run(
        self, request: pb.RunRequest, context: grpc.aio.ServicerContext
    ) -> pb.RunResponse:
        return pb.RunResponse(batch=request.batch)


async def main() -> None:
    line = Line()
    server = grpc.aio.server()
    grpc_pb.add_PipelineServiceServicer_to_server(Echo(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    line.say(protocol="grpc", address=f"127.0.0.1:{port}")
    await asyncio.to_thread(line.wait)
    await server.stop(0)


if __name__ == "__main__":
    try:
        import uvloop
    except ImportError:
        asyncio.run(main())
    else:
        uvloop.run(main())  # as Ray's actors run
