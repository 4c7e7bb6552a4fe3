"""What the mesh says is wrong, in the names that the caller used."""

from collections.abc import Callable

from convoy import Code, ConvoyError, Violation
from convoy.errors import invalid


def no_such_model(name: str) -> ConvoyError:
    """Say that no pipeline has this name."""
    message = f"the model {name[:128]} does not exist; /v1/models lists those that do"
    where = Violation("model", message)
    return ConvoyError(Code.NOT_FOUND, message, "MODEL_NOT_FOUND", violations=[where])


def translated(error: ConvoyError, model: str, name: Callable[[str], str]) -> ConvoyError:
    """Say it of ``model``, a pipeline; ``name`` gives OpenAI's path of a field for the mesh's."""
    if error.code is Code.NOT_FOUND:
        return no_such_model(model)
    if error.code is not Code.INVALID_ARGUMENT or not error.violations:
        return error
    first, *more = [Violation(name(v.field), v.description) for v in error.violations]
    return invalid(first.field, first.description, *more, reason=error.reason)
