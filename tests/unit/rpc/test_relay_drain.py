"""A relay whose server leaves: its clients are told, and what has begun is answered."""

import asyncio

from convoy_services.rpc.relay import Relay
from tests.unit.mesh.virtual_time import simulate
from tests.unit.rpc.relayed import Client, Dispatcher, start


def test_draining_answers_open_calls_and_those_of_a_client_that_has_not_heard_of_it() -> None:
    async def scenario() -> tuple[list[int], list[bytes], list[float], float]:
        dispatcher = Dispatcher()
        relay = Relay(dispatcher)
        client = Client(relay)
        client.send(start(1, b"4"), start(2, b"1"))
        await asyncio.sleep(0.5)
        relay.drain()
        client.send(start(3, b"1"))
        await asyncio.sleep(1.1)
        client.send(start(4, b"1"))
        await client.ended()
        ids = [reply.id for reply in client.replies]
        return ids, dispatcher.begun, client.told, asyncio.get_running_loop().time()

    assert simulate(scenario()) == ([2, 3, 1], [b"4", b"1", b"1"], [0.5], 4.0)


def test_draining_ends_a_stream_that_its_client_closes_when_told() -> None:
    async def scenario() -> float:
        relay = Relay(Dispatcher())
        clients = [Client(relay) for _ in range(3)]
        await asyncio.sleep(1.0)
        relay.drain()
        for client in clients:
            client.close()
            await client.ended()
        return asyncio.get_running_loop().time()

    assert simulate(scenario()) == 1.0


def test_draining_ends_an_idle_stream_of_a_client_that_does_not_listen() -> None:
    async def scenario() -> float:
        relay = Relay(Dispatcher())
        client = Client(relay)
        relay.drain()
        await client.ended()
        return asyncio.get_running_loop().time()

    assert simulate(scenario()) == 1.0


def test_a_stream_that_begins_while_draining_is_told_at_once() -> None:
    async def scenario() -> tuple[list[float], float]:
        relay = Relay(Dispatcher())
        relay.drain()
        client = Client(relay)
        await client.ended()
        return client.told, asyncio.get_running_loop().time()

    assert simulate(scenario()) == ([0.0], 1.0)
