from convoy.v1 import batch_pb2 as _batch_pb2
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
    __slots__ = ("stage", "pipeline", "step", "model_version", "rows", "batch")
    STAGE_FIELD_NUMBER: _ClassVar[int]
    PIPELINE_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    stage: str
    pipeline: str
    step: str
    model_version: str
    rows: _batch_pb2.RowContext
    batch: _batch_pb2.Batch
    def __init__(self, stage: _Optional[str] = ..., pipeline: _Optional[str] = ..., step: _Optional[str] = ..., model_version: _Optional[str] = ..., rows: _Optional[_Union[_batch_pb2.RowContext, _Mapping]] = ..., batch: _Optional[_Union[_batch_pb2.Batch, _Mapping]] = ...) -> None: ...

class PreprocessResponse(_message.Message):
    __slots__ = ("batch", "report")
    BATCH_FIELD_NUMBER: _ClassVar[int]
    REPORT_FIELD_NUMBER: _ClassVar[int]
    batch: _batch_pb2.Batch
    report: StageReport
    def __init__(self, batch: _Optional[_Union[_batch_pb2.Batch, _Mapping]] = ..., report: _Optional[_Union[StageReport, _Mapping]] = ...) -> None: ...

class InferRequest(_message.Message):
    __slots__ = ("stage", "pipeline", "step", "model_version", "rows", "batch")
    STAGE_FIELD_NUMBER: _ClassVar[int]
    PIPELINE_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    stage: str
    pipeline: str
    step: str
    model_version: str
    rows: _batch_pb2.RowContext
    batch: _batch_pb2.Batch
    def __init__(self, stage: _Optional[str] = ..., pipeline: _Optional[str] = ..., step: _Optional[str] = ..., model_version: _Optional[str] = ..., rows: _Optional[_Union[_batch_pb2.RowContext, _Mapping]] = ..., batch: _Optional[_Union[_batch_pb2.Batch, _Mapping]] = ...) -> None: ...

class InferResponse(_message.Message):
    __slots__ = ("batch", "report")
    BATCH_FIELD_NUMBER: _ClassVar[int]
    REPORT_FIELD_NUMBER: _ClassVar[int]
    batch: _batch_pb2.Batch
    report: StageReport
    def __init__(self, batch: _Optional[_Union[_batch_pb2.Batch, _Mapping]] = ..., report: _Optional[_Union[StageReport, _Mapping]] = ...) -> None: ...

class InferStreamRequest(_message.Message):
    __slots__ = ("stage", "pipeline", "step", "model_version", "rows", "batch")
    STAGE_FIELD_NUMBER: _ClassVar[int]
    PIPELINE_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    stage: str
    pipeline: str
    step: str
    model_version: str
    rows: _batch_pb2.RowContext
    batch: _batch_pb2.Batch
    def __init__(self, stage: _Optional[str] = ..., pipeline: _Optional[str] = ..., step: _Optional[str] = ..., model_version: _Optional[str] = ..., rows: _Optional[_Union[_batch_pb2.RowContext, _Mapping]] = ..., batch: _Optional[_Union[_batch_pb2.Batch, _Mapping]] = ...) -> None: ...

class InferStreamResponse(_message.Message):
    __slots__ = ("batch", "report")
    BATCH_FIELD_NUMBER: _ClassVar[int]
    REPORT_FIELD_NUMBER: _ClassVar[int]
    batch: _batch_pb2.Batch
    report: StageReport
    def __init__(self, batch: _Optional[_Union[_batch_pb2.Batch, _Mapping]] = ..., report: _Optional[_Union[StageReport, _Mapping]] = ...) -> None: ...

class PostprocessRequest(_message.Message):
    __slots__ = ("stage", "pipeline", "step", "model_version", "rows", "batch")
    STAGE_FIELD_NUMBER: _ClassVar[int]
    PIPELINE_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    stage: str
    pipeline: str
    step: str
    model_version: str
    rows: _batch_pb2.RowContext
    batch: _batch_pb2.Batch
    def __init__(self, stage: _Optional[str] = ..., pipeline: _Optional[str] = ..., step: _Optional[str] = ..., model_version: _Optional[str] = ..., rows: _Optional[_Union[_batch_pb2.RowContext, _Mapping]] = ..., batch: _Optional[_Union[_batch_pb2.Batch, _Mapping]] = ...) -> None: ...

class PostprocessResponse(_message.Message):
    __slots__ = ("batch", "report")
    BATCH_FIELD_NUMBER: _ClassVar[int]
    REPORT_FIELD_NUMBER: _ClassVar[int]
    batch: _batch_pb2.Batch
    report: StageReport
    def __init__(self, batch: _Optional[_Union[_batch_pb2.Batch, _Mapping]] = ..., report: _Optional[_Union[StageReport, _Mapping]] = ...) -> None: ...
