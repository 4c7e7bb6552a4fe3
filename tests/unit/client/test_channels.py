"""Connections that a server ends while they begin."""

import asyncio
from contextlib import suppress

import pytest

from convoy import Client, Code, ConvoyError
from convoy.client.retry import Retry
from tests.unit.client.fake import TIMEOUT, Echo, serving


async def test_a_connection_that_was_told_to_go_while_it_began_is_replaced() -> None:
    """gRPC's core fails each call on it until somebody closes it, and the server does not."""
    writers: list[asyncio.StreamWriter] = []

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                writer.write(data)
        writer.close()

    async def first_leave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        if len(writers) == 1:
            writer.write(bytes.fromhex("000000 04 00 00000000"))  # SETTINGS
            writer.write(bytes.fromhex("000008 07 00 00000000 7fffffff 00000000"))  # GOAWAY
            return
        host, _, port = target.rpartition(":")
        there, back = await asyncio.open_connection(host, int(port))
        await asyncio.gather(pump(reader, back), pump(there, writer))

    async with serving(Echo()) as target:
        server = await asyncio.start_server(first_leave, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        codes = []
        try:
            async with Client(f"127.0.0.1:{port}", channels=1, retry=Retry(burst=0)) as client:
                for _ in range(5):
                    try:
                        await client.pipelines(timeout=2)
                    except ConvoyError as error:
                        codes.append(error.code)
                await client.pipelines(timeout=TIMEOUT)
        finally:
            for writer in writers:
                writer.close()
            server.close()
            await server.wait_closed()
    assert len(codes) <= 2
    assert set(codes) <= {Code.UNAVAILABLE, Code.DEADLINE_EXCEEDED}


async def test_a_server_that_takes_connections_only_to_end_them_is_no_burden() -> None:
    """A HAProxy that is being replaced does; gRPC retried without end, at 400 MB a second.

    A call fails at once where gRPC reads GOAWAY before it has opened the call's stream. One that
    was opened just before may stay, as GOAWAY says (RFC 9113, section 6.8), and waits in vain.
    """
    connections: list[asyncio.StreamWriter] = []

    async def leave(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)
        writer.write(bytes.fromhex("000000 04 00 00000000"))  # SETTINGS
        writer.write(bytes.fromhex("000008 07 00 00000000 7fffffff 00000000"))  # GOAWAY

    server = await asyncio.start_server(leave, "127.0.0.1", 0)
    try:
        port = server.sockets[0].getsockname()[1]
        async with Client(f"127.0.0.1:{port}", channels=1, retry=Retry(burst=0)) as client:
            for _ in range(3):
                with pytest.raises(ConvoyError) as caught:
                    await client.pipelines(timeout=2)
                assert caught.value.code in {Code.UNAVAILABLE, Code.DEADLINE_EXCEEDED}
        assert len(connections) <= 4
    finally:
        for writer in connections:
            writer.close()
        server.close()
        await server.wait_closed()
