import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Datatype(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DATATYPE_UNSPECIFIED: _ClassVar[Datatype]
    DATATYPE_BOOL: _ClassVar[Datatype]
    DATATYPE_UINT8: _ClassVar[Datatype]
    DATATYPE_UINT16: _ClassVar[Datatype]
    DATATYPE_UINT32: _ClassVar[Datatype]
    DATATYPE_UINT64: _ClassVar[Datatype]
    DATATYPE_INT8: _ClassVar[Datatype]
    DATATYPE_INT16: _ClassVar[Datatype]
    DATATYPE_INT32: _ClassVar[Datatype]
    DATATYPE_INT64: _ClassVar[Datatype]
    DATATYPE_FP16: _ClassVar[Datatype]
    DATATYPE_FP32: _ClassVar[Datatype]
    DATATYPE_FP64: _ClassVar[Datatype]
    DATATYPE_BF16: _ClassVar[Datatype]
    DATATYPE_BYTES: _ClassVar[Datatype]
DATATYPE_UNSPECIFIED: Datatype
DATATYPE_BOOL: Datatype
DATATYPE_UINT8: Datatype
DATATYPE_UINT16: Datatype
DATATYPE_UINT32: Datatype
DATATYPE_UINT64: Datatype
DATATYPE_INT8: Datatype
DATATYPE_INT16: Datatype
DATATYPE_INT32: Datatype
DATATYPE_INT64: Datatype
DATATYPE_FP16: Datatype
DATATYPE_FP32: Datatype
DATATYPE_FP64: Datatype
DATATYPE_BF16: Datatype
DATATYPE_BYTES: Datatype

class Tensor(_message.Message):
    __slots__ = ("name", "datatype", "shape", "data", "row_splits", "offsets")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DATATYPE_FIELD_NUMBER: _ClassVar[int]
    SHAPE_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    ROW_SPLITS_FIELD_NUMBER: _ClassVar[int]
    OFFSETS_FIELD_NUMBER: _ClassVar[int]
    name: str
    datatype: Datatype
    shape: _containers.RepeatedScalarFieldContainer[int]
    data: bytes
    row_splits: bytes
    offsets: bytes
    def __init__(self, name: _Optional[str] = ..., datatype: _Optional[_Union[Datatype, str]] = ..., shape: _Optional[_Iterable[int]] = ..., data: _Optional[bytes] = ..., row_splits: _Optional[bytes] = ..., offsets: _Optional[bytes] = ...) -> None: ...

class FieldViolation(_message.Message):
    __slots__ = ("field", "description")
    FIELD_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    field: str
    description: str
    def __init__(self, field: _Optional[str] = ..., description: _Optional[str] = ...) -> None: ...

class Failure(_message.Message):
    __slots__ = ("code", "message", "reason", "stage", "violations", "retry_after", "metadata")
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    STAGE_FIELD_NUMBER: _ClassVar[int]
    VIOLATIONS_FIELD_NUMBER: _ClassVar[int]
    RETRY_AFTER_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    code: int
    message: str
    reason: str
    stage: str
    violations: _containers.RepeatedCompositeFieldContainer[FieldViolation]
    retry_after: _duration_pb2.Duration
    metadata: _containers.ScalarMap[str, str]
    def __init__(self, code: _Optional[int] = ..., message: _Optional[str] = ..., reason: _Optional[str] = ..., stage: _Optional[str] = ..., violations: _Optional[_Iterable[_Union[FieldViolation, _Mapping]]] = ..., retry_after: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., metadata: _Optional[_Mapping[str, str]] = ...) -> None: ...

class RowFailure(_message.Message):
    __slots__ = ("row", "failure")
    ROW_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    row: int
    failure: Failure
    def __init__(self, row: _Optional[int] = ..., failure: _Optional[_Union[Failure, _Mapping]] = ...) -> None: ...

class Degradation(_message.Message):
    __slots__ = ("step", "reason", "rows")
    STEP_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    step: str
    reason: str
    rows: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, step: _Optional[str] = ..., reason: _Optional[str] = ..., rows: _Optional[_Iterable[int]] = ...) -> None: ...

class Batch(_message.Message):
    __slots__ = ("rows", "tensors", "failures", "degradations")
    ROWS_FIELD_NUMBER: _ClassVar[int]
    TENSORS_FIELD_NUMBER: _ClassVar[int]
    FAILURES_FIELD_NUMBER: _ClassVar[int]
    DEGRADATIONS_FIELD_NUMBER: _ClassVar[int]
    rows: int
    tensors: _containers.RepeatedCompositeFieldContainer[Tensor]
    failures: _containers.RepeatedCompositeFieldContainer[RowFailure]
    degradations: _containers.RepeatedCompositeFieldContainer[Degradation]
    def __init__(self, rows: _Optional[int] = ..., tensors: _Optional[_Iterable[_Union[Tensor, _Mapping]]] = ..., failures: _Optional[_Iterable[_Union[RowFailure, _Mapping]]] = ..., degradations: _Optional[_Iterable[_Union[Degradation, _Mapping]]] = ...) -> None: ...

class RowContext(_message.Message):
    __slots__ = ("ids", "remaining_us", "priorities", "traceparents", "tenants")
    IDS_FIELD_NUMBER: _ClassVar[int]
    REMAINING_US_FIELD_NUMBER: _ClassVar[int]
    PRIORITIES_FIELD_NUMBER: _ClassVar[int]
    TRACEPARENTS_FIELD_NUMBER: _ClassVar[int]
    TENANTS_FIELD_NUMBER: _ClassVar[int]
    ids: bytes
    remaining_us: bytes
    priorities: bytes
    traceparents: _containers.RepeatedScalarFieldContainer[str]
    tenants: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, ids: _Optional[bytes] = ..., remaining_us: _Optional[bytes] = ..., priorities: _Optional[bytes] = ..., traceparents: _Optional[_Iterable[str]] = ..., tenants: _Optional[_Iterable[str]] = ...) -> None: ...
