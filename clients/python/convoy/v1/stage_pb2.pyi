from convoy.v1 import batch_pb2 as _batch_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class StageReport(_message.Message):
    __slots__ = ("queue_us", "compute_us", "expired", "bisections")
    QUEUE_US_FIELD_NUMBER: _ClassVar[int]
    COMPUTE_US_FIELD_NUMBER: _ClassVar[int]
    EXPIRED_FIELD_NUMBER: _ClassVar[int]
    BISECTIONS_FIELD_NUMBER: _ClassVar[int]
    queue_us: int
    compute_us: int
    expired: int
    bisections: int
    def __init__(self, queue_us: _Optional[int] = ..., compute_us: _Optional[int] = ..., expired: _Optional[int] = ..., bisections: _Optional[int] = ...) -> None: ...

class PreprocessRequest(_message.Message):
    __slots__ = ("stage", "pipeline", "step", "model_version", "rows", "batch", "trace")
    class TraceEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    STAGE_FIELD_NUMBER: _ClassVar[int]
    PIPELINE_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    TRACE_FIELD_NUMBER: _ClassVar[int]
    stage: str
    pipeline: str
    step: str
    model_version: str
    rows: _batch_pb2.RowContext
    batch: _batch_pb2.Batch
    trace: _containers.ScalarMap[str, str]
    def __init__(self, stage: _Optional[str] = ..., pipeline: _Optional[str] = ..., step: _Optional[str] = ..., model_version: _Optional[str] = ..., rows: _Optional[_Union[_batch_pb2.RowContext, _Mapping]] = ..., batch: _Optional[_Union[_batch_pb2.Batch, _Mapping]] = ..., trace: _Optional[_Mapping[str, str]] = ...) -> None: ...

class PreprocessResponse(_message.Message):
    __slots__ = ("batch", "report")
    BATCH_FIELD_NUMBER: _ClassVar[int]
    REPORT_FIELD_NUMBER: _ClassVar[int]
    batch: _batch_pb2.Batch
    report: StageReport
    def __init__(self, batch: _Optional[_Union[_batch_pb2.Batch, _Mapping]] = ..., report: _Optional[_Union[StageReport, _Mapping]] = ...) -> None: ...

class InferRequest(_message.Message):
    __slots__ = ("stage", "pipeline", "step", "model_version", "rows", "batch", "trace")
    class TraceEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    STAGE_FIELD_NUMBER: _ClassVar[int]
    PIPELINE_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    TRACE_FIELD_NUMBER: _ClassVar[int]
    stage: str
    pipeline: str
    step: str
    model_version: str
    rows: _batch_pb2.RowContext
    batch: _batch_pb2.Batch
    trace: _containers.ScalarMap[str, str]
    def __init__(self, stage: _Optional[str] = ..., pipeline: _Optional[str] = ..., step: _Optional[str] = ..., model_version: _Optional[str] = ..., rows: _Optional[_Union[_batch_pb2.RowContext, _Mapping]] = ..., batch: _Optional[_Union[_batch_pb2.Batch, _Mapping]] = ..., trace: _Optional[_Mapping[str, str]] = ...) -> None: ...

class InferResponse(_message.Message):
    __slots__ = ("batch", "report")
    BATCH_FIELD_NUMBER: _ClassVar[int]
    REPORT_FIELD_NUMBER: _ClassVar[int]
    batch: _batch_pb2.Batch
    report: StageReport
    def __init__(self, batch: _Optional[_Union[_batch_pb2.Batch, _Mapping]] = ..., report: _Optional[_Union[StageReport, _Mapping]] = ...) -> None: ...

class InferStreamRequest(_message.Message):
    __slots__ = ("stage", "pipeline", "step", "model_version", "rows", "batch", "trace")
    class TraceEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    STAGE_FIELD_NUMBER: _ClassVar[int]
    PIPELINE_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    TRACE_FIELD_NUMBER: _ClassVar[int]
    stage: str
    pipeline: str
    step: str
    model_version: str
    rows: _batch_pb2.RowContext
    batch: _batch_pb2.Batch
    trace: _containers.ScalarMap[str, str]
    def __init__(self, stage: _Optional[str] = ..., pipeline: _Optional[str] = ..., step: _Optional[str] = ..., model_version: _Optional[str] = ..., rows: _Optional[_Union[_batch_pb2.RowContext, _Mapping]] = ..., batch: _Optional[_Union[_batch_pb2.Batch, _Mapping]] = ..., trace: _Optional[_Mapping[str, str]] = ...) -> None: ...

class StreamStatus(_message.Message):
    __slots__ = ("running", "waiting", "blocks", "free_blocks")
    RUNNING_FIELD_NUMBER: _ClassVar[int]
    WAITING_FIELD_NUMBER: _ClassVar[int]
    BLOCKS_FIELD_NUMBER: _ClassVar[int]
    FREE_BLOCKS_FIELD_NUMBER: _ClassVar[int]
    running: int
    waiting: int
    blocks: int
    free_blocks: int
    def __init__(self, running: _Optional[int] = ..., waiting: _Optional[int] = ..., blocks: _Optional[int] = ..., free_blocks: _Optional[int] = ...) -> None: ...

class InferStreamResponse(_message.Message):
    __slots__ = ("batch", "report", "row_ids", "ended", "status")
    BATCH_FIELD_NUMBER: _ClassVar[int]
    REPORT_FIELD_NUMBER: _ClassVar[int]
    ROW_IDS_FIELD_NUMBER: _ClassVar[int]
    ENDED_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    batch: _batch_pb2.Batch
    report: StageReport
    row_ids: bytes
    ended: bytes
    status: StreamStatus
    def __init__(self, batch: _Optional[_Union[_batch_pb2.Batch, _Mapping]] = ..., report: _Optional[_Union[StageReport, _Mapping]] = ..., row_ids: _Optional[bytes] = ..., ended: _Optional[bytes] = ..., status: _Optional[_Union[StreamStatus, _Mapping]] = ...) -> None: ...

class PostprocessRequest(_message.Message):
    __slots__ = ("stage", "pipeline", "step", "model_version", "rows", "batch", "trace")
    class TraceEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    STAGE_FIELD_NUMBER: _ClassVar[int]
    PIPELINE_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    TRACE_FIELD_NUMBER: _ClassVar[int]
    stage: str
    pipeline: str
    step: str
    model_version: str
    rows: _batch_pb2.RowContext
    batch: _batch_pb2.Batch
    trace: _containers.ScalarMap[str, str]
    def __init__(self, stage: _Optional[str] = ..., pipeline: _Optional[str] = ..., step: _Optional[str] = ..., model_version: _Optional[str] = ..., rows: _Optional[_Union[_batch_pb2.RowContext, _Mapping]] = ..., batch: _Optional[_Union[_batch_pb2.Batch, _Mapping]] = ..., trace: _Optional[_Mapping[str, str]] = ...) -> None: ...

class PostprocessResponse(_message.Message):
    __slots__ = ("batch", "report")
    BATCH_FIELD_NUMBER: _ClassVar[int]
    REPORT_FIELD_NUMBER: _ClassVar[int]
    batch: _batch_pb2.Batch
    report: StageReport
    def __init__(self, batch: _Optional[_Union[_batch_pb2.Batch, _Mapping]] = ..., report: _Optional[_Union[StageReport, _Mapping]] = ...) -> None: ...
