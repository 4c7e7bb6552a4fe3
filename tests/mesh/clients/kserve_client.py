"""Calls a mesh by KServe's client: ``python kserve_client.py HOST:PORT``, in .venv-clients."""

import asyncio
import sys

import grpc
import numpy as np
from kserve import InferenceGRPCClient, InferInput, InferRequest

TIMEOUT = 20.0


def asked(model: str, tensor: InferInput) -> InferRequest:
    return InferRequest(model_name=model, infer_inputs=[tensor], request_id="seven")


async def main(target: str) -> None:
    async with InferenceGRPCClient(target, timeout=TIMEOUT) as client:
        assert await client.is_server_live()
        assert await client.is_server_ready()
        assert await client.is_model_ready("embedding")

        # Lists travel as typed contents, arrays raw; each is answered in kind.
        texts = InferInput("text", [2], "BYTES", data=["Parse a date.", "Grüße aus Köln"])
        response = await client.infer(asked("embedding", texts))
        assert response.id == "seven"
        typed = np.array(response.outputs[0].data).reshape(response.outputs[0].shape)
        assert typed.shape == (2, 384)

        array = np.array(["Parse a date.", "Grüße aus Köln"], dtype=np.object_)
        texts = InferInput("text", [2], "BYTES")
        texts.set_data_from_numpy(array)
        response = await client.infer(asked("embedding", texts))
        np.testing.assert_allclose(response.outputs[0].as_numpy(), typed, atol=1e-5)

        words = InferInput("words", [2, 2], "BYTES", data=["a", "b", "c", "d"])
        response = await client.infer(asked("reverse", words))
        assert response.outputs[0].data == [b"b", b"a", b"d", b"c"]
        assert response.outputs[0].shape == [2, 2]

        try:
            await client.infer(asked("nope", texts))
        except grpc.RpcError as error:
            assert error.code() is grpc.StatusCode.NOT_FOUND  # noqa: PT017 (not a test's)
        else:
            raise AssertionError("NOT_FOUND was due")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
