import datetime

from convoy.v1 import batch_pb2 as _batch_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class StageKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STAGE_KIND_UNSPECIFIED: _ClassVar[StageKind]
    STAGE_KIND_PREPROCESS: _ClassVar[StageKind]
    STAGE_KIND_INFERENCE: _ClassVar[StageKind]
    STAGE_KIND_POSTPROCESS: _ClassVar[StageKind]
STAGE_KIND_UNSPECIFIED: StageKind
STAGE_KIND_PREPROCESS: StageKind
STAGE_KIND_INFERENCE: StageKind
STAGE_KIND_POSTPROCESS: StageKind

class RunRequest(_message.Message):
    __slots__ = ("pipeline", "batch", "outputs")
    PIPELINE_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    pipeline: str
    batch: _batch_pb2.Batch
    outputs: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, pipeline: _Optional[str] = ..., batch: _Optional[_Union[_batch_pb2.Batch, _Mapping]] = ..., outputs: _Optional[_Iterable[str]] = ...) -> None: ...

class RunResponse(_message.Message):
    __slots__ = ("batch",)
    BATCH_FIELD_NUMBER: _ClassVar[int]
    batch: _batch_pb2.Batch
    def __init__(self, batch: _Optional[_Union[_batch_pb2.Batch, _Mapping]] = ...) -> None: ...

class RunStreamRequest(_message.Message):
    __slots__ = ("pipeline", "batch", "outputs")
    PIPELINE_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    pipeline: str
    batch: _batch_pb2.Batch
    outputs: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, pipeline: _Optional[str] = ..., batch: _Optional[_Union[_batch_pb2.Batch, _Mapping]] = ..., outputs: _Optional[_Iterable[str]] = ...) -> None: ...

class RunStreamResponse(_message.Message):
    __slots__ = ("first_row", "batch")
    FIRST_ROW_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    first_row: int
    batch: _batch_pb2.Batch
    def __init__(self, first_row: _Optional[int] = ..., batch: _Optional[_Union[_batch_pb2.Batch, _Mapping]] = ...) -> None: ...

class ListRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListResponse(_message.Message):
    __slots__ = ("pipelines",)
    PIPELINES_FIELD_NUMBER: _ClassVar[int]
    pipelines: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, pipelines: _Optional[_Iterable[str]] = ...) -> None: ...

class DescribeRequest(_message.Message):
    __slots__ = ("pipeline",)
    PIPELINE_FIELD_NUMBER: _ClassVar[int]
    pipeline: str
    def __init__(self, pipeline: _Optional[str] = ...) -> None: ...

class DescribeResponse(_message.Message):
    __slots__ = ("pipeline", "inputs", "outputs", "steps", "limits")
    PIPELINE_FIELD_NUMBER: _ClassVar[int]
    INPUTS_FIELD_NUMBER: _ClassVar[int]
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    pipeline: str
    inputs: _containers.RepeatedCompositeFieldContainer[ColumnSpec]
    outputs: _containers.RepeatedCompositeFieldContainer[ColumnSpec]
    steps: _containers.RepeatedCompositeFieldContainer[StepSpec]
    limits: PipelineLimits
    def __init__(self, pipeline: _Optional[str] = ..., inputs: _Optional[_Iterable[_Union[ColumnSpec, _Mapping]]] = ..., outputs: _Optional[_Iterable[_Union[ColumnSpec, _Mapping]]] = ..., steps: _Optional[_Iterable[_Union[StepSpec, _Mapping]]] = ..., limits: _Optional[_Union[PipelineLimits, _Mapping]] = ...) -> None: ...

class ColumnSpec(_message.Message):
    __slots__ = ("name", "datatype", "shape", "optional", "finite")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DATATYPE_FIELD_NUMBER: _ClassVar[int]
    SHAPE_FIELD_NUMBER: _ClassVar[int]
    OPTIONAL_FIELD_NUMBER: _ClassVar[int]
    FINITE_FIELD_NUMBER: _ClassVar[int]
    name: str
    datatype: _batch_pb2.Datatype
    shape: _containers.RepeatedScalarFieldContainer[int]
    optional: bool
    finite: bool
    def __init__(self, name: _Optional[str] = ..., datatype: _Optional[_Union[_batch_pb2.Datatype, str]] = ..., shape: _Optional[_Iterable[int]] = ..., optional: bool = ..., finite: bool = ...) -> None: ...

class StepSpec(_message.Message):
    __slots__ = ("name", "stage", "kind", "deployment", "consumes", "produces", "when", "optional", "budget")
    NAME_FIELD_NUMBER: _ClassVar[int]
    STAGE_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    DEPLOYMENT_FIELD_NUMBER: _ClassVar[int]
    CONSUMES_FIELD_NUMBER: _ClassVar[int]
    PRODUCES_FIELD_NUMBER: _ClassVar[int]
    WHEN_FIELD_NUMBER: _ClassVar[int]
    OPTIONAL_FIELD_NUMBER: _ClassVar[int]
    BUDGET_FIELD_NUMBER: _ClassVar[int]
    name: str
    stage: str
    kind: StageKind
    deployment: str
    consumes: _containers.RepeatedScalarFieldContainer[str]
    produces: _containers.RepeatedCompositeFieldContainer[ColumnSpec]
    when: str
    optional: bool
    budget: _duration_pb2.Duration
    def __init__(self, name: _Optional[str] = ..., stage: _Optional[str] = ..., kind: _Optional[_Union[StageKind, str]] = ..., deployment: _Optional[str] = ..., consumes: _Optional[_Iterable[str]] = ..., produces: _Optional[_Iterable[_Union[ColumnSpec, _Mapping]]] = ..., when: _Optional[str] = ..., optional: bool = ..., budget: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class PipelineLimits(_message.Message):
    __slots__ = ("rows", "bytes", "timeout")
    ROWS_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    rows: int
    bytes: int
    timeout: _duration_pb2.Duration
    def __init__(self, rows: _Optional[int] = ..., bytes: _Optional[int] = ..., timeout: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class WatchRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class WatchResponse(_message.Message):
    __slots__ = ("pipelines",)
    PIPELINES_FIELD_NUMBER: _ClassVar[int]
    pipelines: _containers.RepeatedCompositeFieldContainer[PipelineActivity]
    def __init__(self, pipelines: _Optional[_Iterable[_Union[PipelineActivity, _Mapping]]] = ...) -> None: ...

class PipelineActivity(_message.Message):
    __slots__ = ("pipeline", "ready", "queue_rows", "in_flight", "requests_per_second", "failures_per_second", "rows_per_second", "p50_seconds", "p99_seconds", "batch_rows", "batch_requests", "steps")
    PIPELINE_FIELD_NUMBER: _ClassVar[int]
    READY_FIELD_NUMBER: _ClassVar[int]
    QUEUE_ROWS_FIELD_NUMBER: _ClassVar[int]
    IN_FLIGHT_FIELD_NUMBER: _ClassVar[int]
    REQUESTS_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    FAILURES_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    ROWS_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    P50_SECONDS_FIELD_NUMBER: _ClassVar[int]
    P99_SECONDS_FIELD_NUMBER: _ClassVar[int]
    BATCH_ROWS_FIELD_NUMBER: _ClassVar[int]
    BATCH_REQUESTS_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    pipeline: str
    ready: bool
    queue_rows: int
    in_flight: int
    requests_per_second: float
    failures_per_second: float
    rows_per_second: float
    p50_seconds: float
    p99_seconds: float
    batch_rows: float
    batch_requests: float
    steps: _containers.RepeatedCompositeFieldContainer[StepActivity]
    def __init__(self, pipeline: _Optional[str] = ..., ready: bool = ..., queue_rows: _Optional[int] = ..., in_flight: _Optional[int] = ..., requests_per_second: _Optional[float] = ..., failures_per_second: _Optional[float] = ..., rows_per_second: _Optional[float] = ..., p50_seconds: _Optional[float] = ..., p99_seconds: _Optional[float] = ..., batch_rows: _Optional[float] = ..., batch_requests: _Optional[float] = ..., steps: _Optional[_Iterable[_Union[StepActivity, _Mapping]]] = ...) -> None: ...

class StepActivity(_message.Message):
    __slots__ = ("step", "replicas", "batches_per_second", "in_flight", "queued", "computing", "hop_seconds", "failures_per_second", "fallback_rows_per_second")
    STEP_FIELD_NUMBER: _ClassVar[int]
    REPLICAS_FIELD_NUMBER: _ClassVar[int]
    BATCHES_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    IN_FLIGHT_FIELD_NUMBER: _ClassVar[int]
    QUEUED_FIELD_NUMBER: _ClassVar[int]
    COMPUTING_FIELD_NUMBER: _ClassVar[int]
    HOP_SECONDS_FIELD_NUMBER: _ClassVar[int]
    FAILURES_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    FALLBACK_ROWS_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    step: str
    replicas: int
    batches_per_second: float
    in_flight: float
    queued: float
    computing: float
    hop_seconds: float
    failures_per_second: float
    fallback_rows_per_second: float
    def __init__(self, step: _Optional[str] = ..., replicas: _Optional[int] = ..., batches_per_second: _Optional[float] = ..., in_flight: _Optional[float] = ..., queued: _Optional[float] = ..., computing: _Optional[float] = ..., hop_seconds: _Optional[float] = ..., failures_per_second: _Optional[float] = ..., fallback_rows_per_second: _Optional[float] = ...) -> None: ...
