"""From a method's name and a serialized request to serialized responses."""

from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.message import DecodeError
from google.protobuf.message_factory import GetMessageClass

from convoy import Code, ConvoyError
from convoy.errors import invalid
from convoy_services.mesh.fault import fault
from convoy_services.mesh.request import expired
from convoy_services.rpc.call import Call
from convoy_services.rpc.observed import observed


class Servicer(Protocol):
    """Answers the methods of one service, by the methods' own names: (request, call) → reply.

    A server-streaming method is an asynchronous generator. Methods that it lacks are those of a
    ``StreamServicer``.
    """

    @property
    def descriptor(self) -> ServiceDescriptor:
        """The service."""
        ...


class StreamServicer(Protocol):
    """Answers the methods of one service that need the stream itself, by their own names.

    (serialized requests, call) → serialized replies, as asynchronous iterators.
    """

    @property
    def descriptor(self) -> ServiceDescriptor:
        """The service."""
        ...

    def drain(self) -> None:
        """Let streams end, for they have no end of their own."""
        ...


class Dispatcher(Protocol):
    """Answers any unary or server-streaming method of the mesh."""

    async def unary(self, method: str, request: bytes, call: Call) -> bytes:
        """Answer with one message; raises ConvoyError. What else goes back is in the call."""
        ...

    def stream(self, method: str, request: bytes, call: Call) -> AsyncIterator[bytes]:
        """Answer with many; raises ConvoyError."""
        ...


@dataclass(frozen=True, slots=True)
class _Method:
    request: Any
    answer: Callable[[Any, Call], Any]


class Local:
    """Answers in this process, by servicers."""

    def __init__(self, servicers: Iterable[Servicer]) -> None:
        """Offer every method of the given servicers."""
        self._methods = {
            f"/{servicer.descriptor.full_name}/{method.name}": _Method(
                GetMessageClass(method.input_type), getattr(servicer, method.name)
            )
            for servicer in servicers
            for method in servicer.descriptor.methods
            if hasattr(servicer, method.name)
        }

    async def unary(self, method: str, request: bytes, call: Call) -> bytes:
        """Answer with one message; raises ConvoyError and nothing else."""
        entry = self._find(method)
        with observed(method, call):
            if call.timeout(1) <= 0:
                raise expired()
            try:
                reply = await entry.answer(entry.request.FromString(request), call)
            except Exception as exc:
                raise _as_error(exc, method) from exc
            return bytes(reply.SerializeToString())

    async def stream(self, method: str, request: bytes, call: Call) -> AsyncIterator[bytes]:
        """Answer with many messages; raises ConvoyError and nothing else."""
        entry = self._find(method)
        with observed(method, call):
            try:
                async for reply in entry.answer(entry.request.FromString(request), call):
                    yield reply.SerializeToString()
            except Exception as exc:
                raise _as_error(exc, method) from exc

    def _find(self, method: str) -> _Method:
        entry = self._methods.get(method)
        if entry is None:
            raise no_such_method(method)
        return entry


LONGEST = 128
"""Characters of a name that a refusal repeats."""


def no_such_method(method: str) -> ConvoyError:
    """Say that no service has a method."""
    return ConvoyError(
        Code.UNIMPLEMENTED, f"there is no method {method[:LONGEST]}", "NO_SUCH_METHOD"
    )


def _as_error(exc: Exception, method: str) -> ConvoyError:
    match exc:
        case ConvoyError():
            return exc
        case DecodeError():
            return invalid("", "the bytes are no such message", reason="MALFORMED_MESSAGE")
        case _:
            return fault(method, exc)
