"""The package as its users import it."""

import subprocess
import sys
from types import ModuleType

import grpc
import pytest

import convoy
from convoy import Code, Datatype
from convoy.datatype import DTYPES, FROM_WIRE, TO_WIRE
from convoy.v1 import batch_pb2 as pb

LAZY = {"Client", "SyncClient"}
SERVER = ("ray", "torch", "transformers", "pydantic", "convoy_services", "convoy_gateway")
OIP = "convoy.oip"


def loaded_by(code: str) -> set[str]:
    """Give the modules that a fresh interpreter has loaded after running the code."""
    code = f"{code}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    return set(done.stdout.split())


def test_all_names_are_the_public_names() -> None:
    public = {
        name
        for name, value in vars(convoy).items()
        if not name.startswith("_") and not isinstance(value, ModuleType)
    }
    assert set(convoy.__all__) == public | LAZY
    assert all(isinstance(getattr(convoy, name), type) for name in LAZY)


def test_what_it_lacks_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="Clinet"):
        _ = convoy.Clinet  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "code",
    [
        "import convoy.wire",
        """
import asyncio, convoy
async def use():
    async with convoy.Client("127.0.0.1:1") as client:
        try:
            await client.embed(["a"], timeout=0.05)
        except convoy.ConvoyError:
            pass
asyncio.run(use())
""",
    ],
    ids=["imported", "used"],
)
def test_it_brings_in_no_server_and_no_oip(code: str) -> None:
    modules = loaded_by(code)
    assert not modules & {*SERVER, OIP}


def test_grpc_is_loaded_with_the_client_only() -> None:
    """Stages import convoy too; the runtime knows no transport."""
    assert "grpc" not in loaded_by("import convoy, convoy.wire")
    assert "grpc" in loaded_by("from convoy import Client")


def test_importing_it_leaves_the_inference_protocol_to_others() -> None:
    """Two modules that register its messages clash: convoy.oip beside tritonclient."""
    code = "import sys, convoy.wire, convoy.client; print('convoy.oip' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.split() == ["False"]


def test_codes_are_those_of_grpc() -> None:
    assert {code.name: code.value for code in Code} == {
        status.name: status.value[0] for status in grpc.StatusCode
    }


@pytest.mark.parametrize("datatype", list(Datatype))
def test_every_datatype_is_on_the_wire_and_back(datatype: Datatype) -> None:
    assert FROM_WIRE[TO_WIRE[datatype]] is datatype
    assert DTYPES[datatype].newbyteorder("<") == DTYPES[datatype]


def test_the_wire_has_no_other_datatypes() -> None:
    assert set(pb.Datatype.values()) - {pb.DATATYPE_UNSPECIFIED} == set(FROM_WIRE)
