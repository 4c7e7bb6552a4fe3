from convoy.v1 import generation_pb2 as _generation_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CaptionRequest(_message.Message):
    __slots__ = ("image", "question", "sampling", "pipeline")
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    QUESTION_FIELD_NUMBER: _ClassVar[int]
    SAMPLING_FIELD_NUMBER: _ClassVar[int]
    PIPELINE_FIELD_NUMBER: _ClassVar[int]
    image: bytes
    question: str
    sampling: _generation_pb2.SamplingParameters
    pipeline: str
    def __init__(self, image: _Optional[bytes] = ..., question: _Optional[str] = ..., sampling: _Optional[_Union[_generation_pb2.SamplingParameters, _Mapping]] = ..., pipeline: _Optional[str] = ...) -> None: ...

class CaptionResponse(_message.Message):
    __slots__ = ("completions", "usage", "timings")
    COMPLETIONS_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    TIMINGS_FIELD_NUMBER: _ClassVar[int]
    completions: _containers.RepeatedCompositeFieldContainer[_generation_pb2.Completion]
    usage: _generation_pb2.TokenUsage
    timings: _generation_pb2.GenerationTimings
    def __init__(self, completions: _Optional[_Iterable[_Union[_generation_pb2.Completion, _Mapping]]] = ..., usage: _Optional[_Union[_generation_pb2.TokenUsage, _Mapping]] = ..., timings: _Optional[_Union[_generation_pb2.GenerationTimings, _Mapping]] = ...) -> None: ...

class CaptionStreamRequest(_message.Message):
    __slots__ = ("image", "question", "sampling", "pipeline")
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    QUESTION_FIELD_NUMBER: _ClassVar[int]
    SAMPLING_FIELD_NUMBER: _ClassVar[int]
    PIPELINE_FIELD_NUMBER: _ClassVar[int]
    image: bytes
    question: str
    sampling: _generation_pb2.SamplingParameters
    pipeline: str
    def __init__(self, image: _Optional[bytes] = ..., question: _Optional[str] = ..., sampling: _Optional[_Union[_generation_pb2.SamplingParameters, _Mapping]] = ..., pipeline: _Optional[str] = ...) -> None: ...

class CaptionStreamResponse(_message.Message):
    __slots__ = ("chunks", "usage", "timings")
    CHUNKS_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    TIMINGS_FIELD_NUMBER: _ClassVar[int]
    chunks: _containers.RepeatedCompositeFieldContainer[_generation_pb2.CompletionChunk]
    usage: _generation_pb2.TokenUsage
    timings: _generation_pb2.GenerationTimings
    def __init__(self, chunks: _Optional[_Iterable[_Union[_generation_pb2.CompletionChunk, _Mapping]]] = ..., usage: _Optional[_Union[_generation_pb2.TokenUsage, _Mapping]] = ..., timings: _Optional[_Union[_generation_pb2.GenerationTimings, _Mapping]] = ...) -> None: ...
