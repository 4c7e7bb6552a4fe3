"""Errors of the mesh as Connect's, with every detail."""

from connectrpc.code import Code as ConnectCode
from connectrpc.errors import ConnectError, ErrorDetail
from google.protobuf import any_pb2
from google.protobuf.json_format import MessageToJson
from google.rpc import error_details_pb2 as details
from protobuf.wkt import Any, Struct

from convoy import Code, ConvoyError
from convoy.status import to_status

TO_CONNECT: dict[Code, ConnectCode] = {
    Code.CANCELLED: ConnectCode.CANCELED,
    **{code: ConnectCode[code.name] for code in Code if code not in (Code.OK, Code.CANCELLED)},
}
FROM_CONNECT = {theirs: ours for ours, theirs in TO_CONNECT.items()}

_TYPES = {
    f"type.googleapis.com/{message.DESCRIPTOR.full_name}": message
    for message in (details.ErrorInfo, details.BadRequest, details.RetryInfo)
}


class _Detail(ErrorDetail):
    """A detail that connectrpc has no type for, with what its JSON shows to people as ``debug``."""

    def __init__(self, packed: any_pb2.Any) -> None:
        super().__init__(Any(type_url=packed.type_url, value=packed.value))
        self._packed = packed

    def value(self, *_: object) -> Struct:  # type: ignore[override] # of whatever type is asked for
        """Give the same fields as a plain structure."""
        message = _TYPES[self._packed.type_url].FromString(self._packed.value)
        return Struct.from_json(MessageToJson(message))


def to_connect(error: ConvoyError) -> ConnectError:
    """Write an error."""
    status = to_status(error)
    return ConnectError(TO_CONNECT[error.code], error.message, [_Detail(d) for d in status.details])
