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


def test_all_names_are_the_public_names() -> None:
    public = {
        name
        for name, value in vars(convoy).items()
        if not name.startswith("_") and not isinstance(value, ModuleType)
    }
    assert set(convoy.__all__) == public


def test_importing_it_brings_in_no_server() -> None:
    heavy = ("ray", "torch", "transformers", "pydantic", "convoy_services", "convoy_gateway")
    code = f"import sys, convoy.wire; print(*(set(sys.modules) & set({heavy})))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.split() == []


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
