import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RecallChannel(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RECALL_CHANNEL_UNSPECIFIED: _ClassVar[RecallChannel]
    RECALL_CHANNEL_VECTOR: _ClassVar[RecallChannel]
    RECALL_CHANNEL_COVISIT: _ClassVar[RecallChannel]
    RECALL_CHANNEL_TEXT: _ClassVar[RecallChannel]
    RECALL_CHANNEL_POPULAR: _ClassVar[RecallChannel]
    RECALL_CHANNEL_GIVEN: _ClassVar[RecallChannel]

class EventKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EVENT_KIND_UNSPECIFIED: _ClassVar[EventKind]
    EVENT_KIND_IMPRESSION: _ClassVar[EventKind]
    EVENT_KIND_CLICK: _ClassVar[EventKind]
    EVENT_KIND_WATCH: _ClassVar[EventKind]
RECALL_CHANNEL_UNSPECIFIED: RecallChannel
RECALL_CHANNEL_VECTOR: RecallChannel
RECALL_CHANNEL_COVISIT: RecallChannel
RECALL_CHANNEL_TEXT: RecallChannel
RECALL_CHANNEL_POPULAR: RecallChannel
RECALL_CHANNEL_GIVEN: RecallChannel
EVENT_KIND_UNSPECIFIED: EventKind
EVENT_KIND_IMPRESSION: EventKind
EVENT_KIND_CLICK: EventKind
EVENT_KIND_WATCH: EventKind

class RecommendRequest(_message.Message):
    __slots__ = ("user_id", "history", "context", "limit", "filters", "candidates", "query", "explain")
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    HISTORY_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    FILTERS_FIELD_NUMBER: _ClassVar[int]
    CANDIDATES_FIELD_NUMBER: _ClassVar[int]
    QUERY_FIELD_NUMBER: _ClassVar[int]
    EXPLAIN_FIELD_NUMBER: _ClassVar[int]
    user_id: int
    history: _containers.RepeatedScalarFieldContainer[int]
    context: RecommendContext
    limit: int
    filters: RecommendFilters
    candidates: _containers.RepeatedScalarFieldContainer[int]
    query: str
    explain: bool
    def __init__(self, user_id: _Optional[int] = ..., history: _Optional[_Iterable[int]] = ..., context: _Optional[_Union[RecommendContext, _Mapping]] = ..., limit: _Optional[int] = ..., filters: _Optional[_Union[RecommendFilters, _Mapping]] = ..., candidates: _Optional[_Iterable[int]] = ..., query: _Optional[str] = ..., explain: bool = ...) -> None: ...

class RecommendContext(_message.Message):
    __slots__ = ("time", "device", "tags", "numbers")
    class NumbersEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    TIME_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    NUMBERS_FIELD_NUMBER: _ClassVar[int]
    time: _timestamp_pb2.Timestamp
    device: str
    tags: _containers.RepeatedScalarFieldContainer[str]
    numbers: _containers.ScalarMap[str, float]
    def __init__(self, time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., device: _Optional[str] = ..., tags: _Optional[_Iterable[str]] = ..., numbers: _Optional[_Mapping[str, float]] = ...) -> None: ...

class RecommendFilters(_message.Message):
    __slots__ = ("categories", "blocked", "include_seen")
    CATEGORIES_FIELD_NUMBER: _ClassVar[int]
    BLOCKED_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_SEEN_FIELD_NUMBER: _ClassVar[int]
    categories: _containers.RepeatedScalarFieldContainer[str]
    blocked: _containers.RepeatedScalarFieldContainer[int]
    include_seen: bool
    def __init__(self, categories: _Optional[_Iterable[str]] = ..., blocked: _Optional[_Iterable[int]] = ..., include_seen: bool = ...) -> None: ...

class RecommendedItem(_message.Message):
    __slots__ = ("item_id", "score", "click_probability", "watch_seconds", "channels", "recall_score")
    ITEM_ID_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    CLICK_PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    WATCH_SECONDS_FIELD_NUMBER: _ClassVar[int]
    CHANNELS_FIELD_NUMBER: _ClassVar[int]
    RECALL_SCORE_FIELD_NUMBER: _ClassVar[int]
    item_id: int
    score: float
    click_probability: float
    watch_seconds: float
    channels: _containers.RepeatedScalarFieldContainer[RecallChannel]
    recall_score: float
    def __init__(self, item_id: _Optional[int] = ..., score: _Optional[float] = ..., click_probability: _Optional[float] = ..., watch_seconds: _Optional[float] = ..., channels: _Optional[_Iterable[_Union[RecallChannel, str]]] = ..., recall_score: _Optional[float] = ...) -> None: ...

class StageOutcome(_message.Message):
    __slots__ = ("step", "degraded", "reason", "seconds")
    STEP_FIELD_NUMBER: _ClassVar[int]
    DEGRADED_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    step: str
    degraded: bool
    reason: str
    seconds: float
    def __init__(self, step: _Optional[str] = ..., degraded: bool = ..., reason: _Optional[str] = ..., seconds: _Optional[float] = ...) -> None: ...

class RecommendResponse(_message.Message):
    __slots__ = ("items", "degraded", "outcomes", "model_version")
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    DEGRADED_FIELD_NUMBER: _ClassVar[int]
    OUTCOMES_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[RecommendedItem]
    degraded: _containers.RepeatedScalarFieldContainer[str]
    outcomes: _containers.RepeatedCompositeFieldContainer[StageOutcome]
    model_version: str
    def __init__(self, items: _Optional[_Iterable[_Union[RecommendedItem, _Mapping]]] = ..., degraded: _Optional[_Iterable[str]] = ..., outcomes: _Optional[_Iterable[_Union[StageOutcome, _Mapping]]] = ..., model_version: _Optional[str] = ...) -> None: ...

class Event(_message.Message):
    __slots__ = ("user_id", "item_id", "kind", "watch_seconds", "time")
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    ITEM_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    WATCH_SECONDS_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    user_id: int
    item_id: int
    kind: EventKind
    watch_seconds: float
    time: _timestamp_pb2.Timestamp
    def __init__(self, user_id: _Optional[int] = ..., item_id: _Optional[int] = ..., kind: _Optional[_Union[EventKind, str]] = ..., watch_seconds: _Optional[float] = ..., time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class RecordEventsRequest(_message.Message):
    __slots__ = ("events", "last")
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedCompositeFieldContainer[Event]
    last: bool
    def __init__(self, events: _Optional[_Iterable[_Union[Event, _Mapping]]] = ..., last: bool = ...) -> None: ...

class RecordEventsResponse(_message.Message):
    __slots__ = ("recorded",)
    RECORDED_FIELD_NUMBER: _ClassVar[int]
    recorded: int
    def __init__(self, recorded: _Optional[int] = ...) -> None: ...

class RecordEventBatchRequest(_message.Message):
    __slots__ = ("events",)
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedCompositeFieldContainer[Event]
    def __init__(self, events: _Optional[_Iterable[_Union[Event, _Mapping]]] = ...) -> None: ...

class RecordEventBatchResponse(_message.Message):
    __slots__ = ("recorded",)
    RECORDED_FIELD_NUMBER: _ClassVar[int]
    recorded: int
    def __init__(self, recorded: _Optional[int] = ...) -> None: ...

class SimilarItemsRequest(_message.Message):
    __slots__ = ("item_id", "limit")
    ITEM_ID_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    item_id: int
    limit: int
    def __init__(self, item_id: _Optional[int] = ..., limit: _Optional[int] = ...) -> None: ...

class SimilarItem(_message.Message):
    __slots__ = ("item_id", "similarity")
    ITEM_ID_FIELD_NUMBER: _ClassVar[int]
    SIMILARITY_FIELD_NUMBER: _ClassVar[int]
    item_id: int
    similarity: float
    def __init__(self, item_id: _Optional[int] = ..., similarity: _Optional[float] = ...) -> None: ...

class SimilarItemsResponse(_message.Message):
    __slots__ = ("items",)
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[SimilarItem]
    def __init__(self, items: _Optional[_Iterable[_Union[SimilarItem, _Mapping]]] = ...) -> None: ...

class DescribeItemsRequest(_message.Message):
    __slots__ = ("item_ids",)
    ITEM_IDS_FIELD_NUMBER: _ClassVar[int]
    item_ids: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, item_ids: _Optional[_Iterable[int]] = ...) -> None: ...

class ItemDescription(_message.Message):
    __slots__ = ("item_id", "title", "category", "seconds")
    ITEM_ID_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    item_id: int
    title: str
    category: str
    seconds: float
    def __init__(self, item_id: _Optional[int] = ..., title: _Optional[str] = ..., category: _Optional[str] = ..., seconds: _Optional[float] = ...) -> None: ...

class DescribeItemsResponse(_message.Message):
    __slots__ = ("items",)
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[ItemDescription]
    def __init__(self, items: _Optional[_Iterable[_Union[ItemDescription, _Mapping]]] = ...) -> None: ...
