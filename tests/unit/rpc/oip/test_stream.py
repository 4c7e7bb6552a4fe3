"""ModelStreamInfer, over an iterator in memory."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from convoy import Code, ConvoyError
from convoy.oip.v2 import inference_pb2 as pb
from convoy_services.rpc.call import Call
from convoy_services.rpc.oip.stream import INFER, InferenceStream
from tests.unit.mesh.virtual_time import simulate


class Dispatcher:
    """Answers a model's name of a number of seconds after as many."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.calls: list[Call] = []

    async def unary(self, method: str, request: bytes, call: Call) -> bytes:
        assert method == INFER
        asked = pb.ModelInferRequest.FromString(request)
        self.begun.append(asked.model_name)
        self.calls.append(call)
        if asked.model_name == "refuse":
            raise ConvoyError(Code.NOT_FOUND, "there is no such thing", "NOTHING")
        if asked.model_name == "explode":
            raise RuntimeError("secret")
        await asyncio.sleep(float(asked.model_name))
        response = pb.ModelInferResponse(model_name=asked.model_name, id=asked.id)
        return response.SerializeToString()

    async def stream(self, method: str, request: bytes, call: Call) -> AsyncIterator[bytes]:
        raise NotImplementedError
        yield


class Client:
    """A client's side of one stream."""

    def __init__(self, server: InferenceStream, call: Call | None = None) -> None:
        self.responses: list[tuple[float, pb.ModelStreamInferResponse]] = []
        self._sent: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._running = asyncio.create_task(self._run(server, call or Call()))

    async def _requests(self) -> AsyncIterator[bytes]:
        while (raw := await self._sent.get()) is not None:
            yield raw

    async def _run(self, server: InferenceStream, call: Call) -> None:
        loop = asyncio.get_running_loop()
        async for raw in server.ModelStreamInfer(self._requests(), call):
            response = pb.ModelStreamInferResponse.FromString(raw)
            self.responses.append((loop.time(), response))

    def send(self, name: str, request_id: str = "") -> None:
        request = pb.ModelInferRequest(model_name=name, id=request_id)
        self._sent.put_nowait(request.SerializeToString())

    def send_raw(self, raw: bytes) -> None:
        self._sent.put_nowait(raw)

    def close(self) -> None:
        self._sent.put_nowait(None)

    async def ended(self) -> None:
        async with asyncio.timeout(600):
            await self._running

    @property
    def answers(self) -> list[tuple[float, str]]:
        return [(when, told.infer_response.model_name) for when, told in self.responses]


def told(*sent: tuple[str, str]) -> Client:
    """What a client is told that sends models with ids and closes its side."""

    async def scenario() -> Client:
        client = Client(InferenceStream(Dispatcher()))
        for name, request_id in sent:
            client.send(name, request_id)
        client.close()
        await client.ended()
        return client

    return simulate(scenario())


def test_requests_are_answered_as_each_completes() -> None:
    client = told(("3", "a"), ("1", "b"), ("2", "c"))
    assert client.answers == [(1.0, "1"), (2.0, "2"), (3.0, "3")]
    assert [response.infer_response.id for _, response in client.responses] == ["b", "c", "a"]


def test_requests_without_an_id_run_together_and_are_answered_in_order() -> None:
    """Their client could not tell one answer from another."""
    client = told(("3", ""), ("1", ""), ("4", ""), ("2", "with"))
    assert client.answers == [(2.0, "2"), (3.0, "3"), (3.0, "1"), (4.0, "4")]


def test_every_response_is_the_last_of_its_request() -> None:
    client = told(("1", "a"), ("refuse", "b"))
    for _, response in client.responses:
        assert response.infer_response.parameters["triton_final_response"].bool_param


def test_a_request_that_fails_leaves_the_stream_as_it_is() -> None:
    client = told(("refuse", "a"), ("explode", "b"), ("1", "c"))
    errors = {r.infer_response.id: r.error_message for _, r in client.responses}
    assert errors["a"] == "NOT_FOUND NOTHING: there is no such thing"
    assert errors["b"].startswith("INTERNAL")
    assert "secret" not in errors["b"]
    assert errors["c"] == ""


def test_bytes_that_are_no_request_end_the_stream_once_others_are_answered() -> None:
    async def scenario() -> tuple[Code, list[tuple[float, str]]]:
        client = Client(InferenceStream(Dispatcher()))
        client.send("2")
        client.send_raw(b"\xff")
        client.send("1")
        with pytest.raises(ConvoyError) as caught:
            await client.ended()
        return caught.value.code, client.answers

    assert simulate(scenario()) == (Code.INVALID_ARGUMENT, [(2.0, "2")])


def test_requests_share_the_streams_deadline_and_metadata() -> None:
    async def scenario() -> list[Call]:
        dispatcher = Dispatcher()
        call = Call(deadline=60.0, metadata={"convoy-tenant": "acme"})
        client = Client(InferenceStream(dispatcher), call)
        client.send("1")
        client.send("2")
        client.close()
        await client.ended()
        return dispatcher.calls

    assert simulate(scenario()) == [Call(deadline=60.0, metadata={"convoy-tenant": "acme"})] * 2


def test_draining_answers_what_has_begun_and_then_says_so() -> None:
    """An end with OK loses requests: OIP's clients take them for answered, or wait for ever."""

    async def scenario() -> tuple[Code, list[tuple[float, str]], list[str]]:
        dispatcher = Dispatcher()
        server = InferenceStream(dispatcher)
        client = Client(server)
        client.send("3", "a")
        client.send("1", "b")
        await asyncio.sleep(0.5)
        server.drain()
        client.send("1", "c")
        with pytest.raises(ConvoyError) as caught:
            await client.ended()
        return caught.value.code, client.answers, dispatcher.begun

    code, answers, begun = simulate(scenario())
    assert code is Code.UNAVAILABLE
    assert answers == [(1.0, "1"), (3.0, "3")]
    assert begun == ["3", "1"]


def test_draining_leaves_a_stream_alone_that_its_client_has_closed() -> None:
    async def scenario() -> list[tuple[float, str]]:
        server = InferenceStream(Dispatcher())
        client = Client(server)
        client.send("3")
        client.close()
        await asyncio.sleep(0.5)
        server.drain()
        await client.ended()
        return client.answers

    assert simulate(scenario()) == [(3.0, "3")]


def test_ids_that_are_answered_are_forgotten() -> None:
    async def scenario() -> list[tuple[float, str]]:
        client = Client(InferenceStream(Dispatcher()))
        for _ in range(3):
            client.send("1", "same")
            await asyncio.sleep(5.0)
        client.close()
        await client.ended()
        return client.answers

    assert simulate(scenario()) == [(1.0, "1"), (6.0, "1"), (11.0, "1")]


def test_each_request_has_a_call_of_its_own() -> None:
    """One call held on to every request of its stream, however long that was open."""

    async def scenario() -> list[Call]:
        dispatcher = Dispatcher()
        client = Client(InferenceStream(dispatcher), Call(metadata={"convoy-tenant": "acme"}))
        for _ in range(3):
            client.send("0")
        client.close()
        await client.ended()
        return dispatcher.calls

    calls = simulate(scenario())
    assert len({id(call) for call in calls}) == len(calls) == 3
    assert len({id(call.requests) for call in calls}) == 3
    assert [call.metadata for call in calls] == 3 * [{"convoy-tenant": "acme"}]
