"""grpc.reflection.v1: what services there are and what their messages look like.

Serve itself answers v1alpha; v1 has the same messages under another name.
https://github.com/grpc/grpc/blob/master/doc/server-reflection.md
"""

from collections.abc import Iterable
from typing import Any

import grpc
from grpc_reflection.v1alpha import reflection_pb2 as pb
from grpc_reflection.v1alpha._async import ReflectionServicer

SERVICE = "grpc.reflection.v1.ServerReflection"


def handlers(services: Iterable[str]) -> "dict[str, grpc.RpcMethodHandler[Any, Any]]":
    """Give the handlers of the service, which tells of ``services`` by their full names."""
    servicer = ReflectionServicer([*services, SERVICE])
    return {
        "ServerReflectionInfo": grpc.stream_stream_rpc_method_handler(
            servicer.ServerReflectionInfo,
            request_deserializer=pb.ServerReflectionRequest.FromString,
            response_serializer=pb.ServerReflectionResponse.SerializeToString,
        )
    }
