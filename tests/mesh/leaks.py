"""What no reply may tell: every reply that this process gets from a mesh is looked at."""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import grpc

INTERNALS = re.compile(
    rb"""Traceback|File "|/root\b|/home\b|/proc/|/tmp/(?!pytest-of-\w+/pytest-\d+/test_)"""
    rb"""|site-packages|\.py[:"]"""
    rb"""|\bpid[= ]|\bray::|object at 0x"""
    rb"""|\b\d{1,3}(?:\.\d{1,3}){3}:\d|\[::1?\]:\d|localhost:\d"""
)
"""A traceback, a path, a process, an address; not a test's own folder, which it may have sent."""

OWN = "failed to connect to all addresses"
"""How gRPC begins what it says itself, in this process, of the address that it was given."""

WRITING = ("/convoy.v1.GenerationService/", "/convoy.v1.CaptioningService/")
"""Whose replies a model has written: a tiny one writes anything. Their errors are looked at."""

KINDS = ("unary_unary", "unary_stream", "stream_unary", "stream_stream")


class Leaks:
    """Replies that tell what they should not, with what they tell."""

    def __init__(self) -> None:
        """Begin with none."""
        self.seen = 0
        """How many replies have been looked at, errors included."""
        self.found: list[str] = []

    def look(self, where: str, *parts: str | bytes | None) -> None:
        """Look at the parts of one reply."""
        self.seen += 1
        for part in parts:
            raw = part.encode() if isinstance(part, str) else part or b""
            if leak := INTERNALS.search(raw):
                around = raw[max(0, leak.start() - 80) : leak.end() + 80]
                self.found.append(f"{where}: {around!r}")

    @contextmanager
    def watch(self) -> Iterator[None]:
        """Look at all that comes over channels of grpc.aio."""
        failing = grpc.aio.AioRpcError.__init__

        def fail(error: Any, *args: Any, **kwargs: Any) -> None:
            failing(error, *args, **kwargs)
            if not (error.details() or "").startswith(OWN):
                metadata = [*(error.initial_metadata() or ()), *(error.trailing_metadata() or ())]
                self.look(error.code().name, error.details(), *(value for _, value in metadata))

        with ExitStack() as stack:
            stack.enter_context(patch.object(grpc.aio.AioRpcError, "__init__", fail))
            for kind in KINDS:
                stack.enter_context(patch.object(*self._calling(kind)))
            yield

    def _calling(self, kind: str) -> tuple[type, str, Any]:
        """Give a method of channels, with one in its place that looks at each message."""
        from grpc.aio._channel import Channel

        calling = getattr(Channel, kind)

        def call(
            channel: Any,
            method: str,
            request_serializer: Any = None,
            response_deserializer: Callable[[bytes], Any] | None = None,
            **kwargs: Any,
        ) -> Any:
            def read(raw: bytes) -> Any:
                if not method.startswith(WRITING):
                    self.look(method, raw)
                return response_deserializer(raw) if response_deserializer else raw

            return calling(channel, method, request_serializer, read, **kwargs)

        return Channel, kind, call
