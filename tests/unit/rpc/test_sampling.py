"""The contract's settings of generation: what is refused says what is taken."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from convoy import ConvoyError
from convoy.v1 import generation_pb2 as pb
from convoy_services.generation.sampling import COLUMNS
from convoy_services.mesh.plan import PipelinePlan
from convoy_services.rpc.sampling import columns

PLAN = cast(PipelinePlan, SimpleNamespace(inputs=COLUMNS))


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"seed": 2**63}, "sampling.seed: take 0 to 2**63 - 1"),
        ({"max_tokens": 2**31}, "sampling.max_tokens: take 1 to 2147483647"),
        ({"top_k": 2**32 - 1}, "sampling.top_k: take 0 to 2147483647; 0 keeps all"),
        ({"logprobs": 2**32 - 1}, "sampling.logprobs: take -1 to 20; -1 tells none"),
        ({"repetition_penalty": 1e-45}, "sampling.repetition_penalty: take 0.01 to 10"),
        ({"stop_token_ids": [2**31]}, "sampling.stop_token_ids: take tokens, which are 0 to"),
    ],
)
def test_a_number_out_of_bounds_is_told_the_bounds(settings: dict[str, Any], says: str) -> None:
    """It was told that there is no such number."""
    with pytest.raises(ConvoyError) as caught:
        columns(pb.SamplingParameters(**settings), PLAN)
    (violation,) = caught.value.violations
    assert f"{violation.field}: {violation.description}".startswith(says)


def test_the_least_penalty_is_taken_as_it_comes_in_the_contract() -> None:
    """In 32 bits 0.01 is a little less."""
    assert columns(pb.SamplingParameters(repetition_penalty=0.01), PLAN)
