"""The parameters of a request that the mesh knows: Triton's schedule policy.

https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_schedule_policy.md
"""

import asyncio
from collections.abc import Mapping
from dataclasses import replace

from convoy.errors import invalid
from convoy.oip.v2 import inference_pb2 as pb
from convoy_services.mesh.context import BACKGROUND, NORMAL, URGENT
from convoy_services.rpc.call import Call

LEVELS = (URGENT, NORMAL, BACKGROUND)
"""The mesh's priority of Triton's level 1, 2 and so on."""


def scheduled(call: Call, parameters: Mapping[str, pb.InferParameter]) -> Call:
    """Give the call with the priority and the timeout, in µs, that the parameters name.

    As Triton does, take 0 and levels that there are not for none, and pass over parameters of
    other names. Raises ConvoyError INVALID_ARGUMENT for values that are no natural numbers.
    """
    level = _natural(parameters, "priority")
    if 1 <= level <= len(LEVELS):
        priority = str(LEVELS[level - 1])
        call = replace(call, metadata={**call.metadata, "convoy-priority": priority})
    timeout = _natural(parameters, "timeout")
    if timeout:
        deadline = asyncio.get_running_loop().time() + timeout / 1e6
        if call.deadline is None or deadline < call.deadline:
            call = replace(call, deadline=deadline)
    return call


def _natural(parameters: Mapping[str, pb.InferParameter], name: str) -> int:
    if name not in parameters:
        return 0
    choice = parameters[name].WhichOneof("parameter_choice")
    value = -1
    if choice == "int64_param" or choice == "uint64_param":
        value = getattr(parameters[name], choice)
    if value < 0:
        raise invalid(f"parameters[{name}]", "the value is a natural number")
    return value
