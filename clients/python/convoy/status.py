"""Errors as google.rpc.Status, and back: the form in which gRPC carries them."""

from google.protobuf.any_pb2 import Any
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2 as details
from google.rpc.status_pb2 import Status

from convoy.code import Code
from convoy.errors import ConvoyError, Violation
from convoy.v1 import batch_pb2 as pb

DOMAIN = "convoy"
"""The domain of every ErrorInfo: reasons are unique within it."""

Detail = details.ErrorInfo | details.BadRequest | details.RetryInfo

HEADER_BYTES = 4096
"""About what a Status may take where gRPC carries it in a header: clients refuse calls whose
headers exceed 8 KiB, and then say nothing of the error."""


def brief(error: ConvoyError) -> ConvoyError:
    """Give an error that fits a header: of a long one the first violations, texts cut short."""
    # gRPC sends the message once more, up to three bytes for one.
    if to_status(error).ByteSize() + 3 * len(error.message.encode()) <= HEADER_BYTES:
        return error
    violations: list[Violation] = []
    room = HEADER_BYTES // 2
    for violation in error.violations:
        violations.append(Violation(_cut(violation.field), _cut(violation.description)))
        room -= sum(len(text.encode()) + 4 for text in (violation.field, violation.description))
        if room < 0:
            break
    metadata = {_cut(key): _cut(value) for key, value in [*error.metadata.items()][:4]}
    return ConvoyError(
        error.code,
        _cut(error.message),
        error.reason,
        error.stage,
        violations,
        error.retry_after,
        metadata,
    )


def to_status(error: ConvoyError) -> Status:
    """Write an error as a Status with ErrorInfo and, where they apply, BadRequest and RetryInfo."""
    info = details.ErrorInfo(reason=error.reason, domain=DOMAIN, metadata=error.metadata)
    if error.stage:
        info.metadata["stage"] = error.stage
    status = Status(code=error.code, message=error.message)
    _attach(status, info)
    if error.violations:
        bad = details.BadRequest()
        for violation in error.violations:
            bad.field_violations.add(field=violation.field, description=violation.description)
        _attach(status, bad)
    if error.retry_after is not None:
        retry = details.RetryInfo()
        retry.retry_delay.FromNanoseconds(round(error.retry_after * 1e9))
        _attach(status, retry)
    return status


def from_status(status: Status) -> ConvoyError:
    """Read an error; details of other types are passed over."""
    info, bad, retry = details.ErrorInfo(), details.BadRequest(), details.RetryInfo()
    has_retry = False
    for detail in status.details:
        has_retry = _unpack(detail, retry) or has_retry
        _unpack(detail, info)
        _unpack(detail, bad)
    metadata = dict(info.metadata)
    stage = metadata.pop("stage", "")
    return ConvoyError(
        _code(status.code),
        status.message,
        info.reason,
        stage,
        [Violation(v.field, v.description) for v in bad.field_violations],
        retry.retry_delay.ToNanoseconds() / 1e9 if has_retry else None,
        metadata,
    )


def to_failure(error: ConvoyError) -> pb.Failure:
    """Write an error as the failure of a row."""
    failure = pb.Failure(
        code=error.code,
        message=error.message,
        reason=error.reason,
        stage=error.stage,
        violations=[
            pb.FieldViolation(field=v.field, description=v.description) for v in error.violations
        ],
        metadata=error.metadata,
    )
    if error.retry_after is not None:
        failure.retry_after.FromNanoseconds(round(error.retry_after * 1e9))
    return failure


def from_failure(failure: pb.Failure) -> ConvoyError:
    """Read the failure of a row."""
    return ConvoyError(
        _code(failure.code),
        failure.message,
        failure.reason,
        failure.stage,
        [Violation(v.field, v.description) for v in failure.violations],
        failure.retry_after.ToNanoseconds() / 1e9 if failure.HasField("retry_after") else None,
        dict(failure.metadata),
    )


def _cut(text: str) -> str:
    raw = text.encode()
    most = HEADER_BYTES // 16
    return text if len(raw) <= most else f"{raw[:most].decode(errors='ignore')}…"


def _code(number: int) -> Code:
    return Code(number) if number in Code._value2member_map_ else Code.UNKNOWN


def _attach(status: Status, detail: Detail) -> None:
    packed = Any()
    packed.Pack(detail)
    status.details.append(packed)


def _unpack(detail: Any, message: Detail) -> bool:
    """Read a detail if it is of the message's type; one that is broken is passed over."""
    try:
        return bool(detail.Unpack(message))
    except DecodeError:
        return False
