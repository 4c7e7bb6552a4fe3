"""The outputs of a request: which are wanted, and the rows as tensors."""

from collections.abc import Sequence

from convoy import Batch, Code, ConvoyError, Tensor
from convoy.errors import invalid
from convoy.oip.v2 import inference_pb2 as pb
from convoy_services.mesh.column import Columns
from convoy_services.rpc.oip import raw, typed

DEGRADED = "convoy_degraded"
"""The response's parameter that names the optional steps which fell back for some rows."""


def wanted(request: pb.ModelInferRequest, there: Columns) -> list[str]:
    """Give the names of the outputs asked for, or of all.

    Raises ConvoyError INVALID_ARGUMENT naming a faulty one, UNIMPLEMENTED for Triton's
    classification.
    """
    names: list[str] = []
    for i, output in enumerate(request.outputs):
        if output.name not in there:
            wrong = f"there is no output {output.name!r}; there are: {there}"
            raise invalid(f"outputs[{i}].name", wrong)
        if output.name in names:
            raise invalid(f"outputs[{i}].name", f"the name {output.name!r} is given twice")
        if "classification" in output.parameters:
            raise ConvoyError(
                Code.UNIMPLEMENTED,
                f"outputs[{i}] asks for classes, which Convoy does not make of numbers",
                "CLASSIFICATION_UNSUPPORTED",
            )
        names.append(output.name)
    return names or list(there)


def write(
    result: Batch, names: Sequence[str], response: pb.ModelInferResponse, *, as_typed: bool
) -> None:
    """Write the named columns as typed contents, where every type has them, or else as raw bytes.

    Raises ConvoyError FAILED_PRECONDITION where rows differ in length: OIP has no ragged tensors.
    """
    tensors = [result[name] for name in names]
    as_typed = as_typed and all(tensor.datatype in typed.FIELDS for tensor in tensors)
    for name, tensor in zip(names, tensors, strict=True):
        output = response.outputs.add(
            name=name, datatype=tensor.datatype, shape=_shape(name, tensor)
        )
        if as_typed:
            typed.write(tensor, output.contents)
        else:
            response.raw_output_contents.append(raw.write(tensor))
    if result.degradations:
        steps = sorted({degradation.step for degradation in result.degradations})
        response.parameters[DEGRADED].string_param = ",".join(steps)


def _shape(name: str, tensor: Tensor) -> tuple[int, ...]:
    if tensor.splits is None:
        return (tensor.rows, *tensor.shape)
    lengths = tensor.lengths
    shortest, longest = int(lengths.min()), int(lengths.max())
    if shortest != longest:
        raise ConvoyError(
            Code.FAILED_PRECONDITION,
            f"the rows of {name} have {shortest} to {longest} entries, and OIP has no ragged "
            "tensors: send such rows one by one, or call convoy.v1.PipelineService",
            "RAGGED_OUTPUT",
        )
    return (tensor.rows, longest, *tensor.shape[1:])
