"""The status codes that every protocol of the mesh derives its own from."""

from enum import IntEnum


class Code(IntEnum):
    """gRPC's status codes, as google.rpc.Code numbers them."""

    OK = 0
    """The call succeeded."""
    CANCELLED = 1
    """The caller gave the call up."""
    UNKNOWN = 2
    """Something failed that says no more."""
    INVALID_ARGUMENT = 3
    """The request is wrong, whatever the state of the mesh."""
    DEADLINE_EXCEEDED = 4
    """The deadline passed before there was an answer."""
    NOT_FOUND = 5
    """What the request names does not exist."""
    ALREADY_EXISTS = 6
    """What the request would create is there."""
    PERMISSION_DENIED = 7
    """The caller may not do this."""
    RESOURCE_EXHAUSTED = 8
    """A queue or quota is full; RetryInfo says when to try again."""
    FAILED_PRECONDITION = 9
    """The mesh is not in the state that the request needs."""
    ABORTED = 10
    """The request lost a race."""
    OUT_OF_RANGE = 11
    """The request reaches past a valid range."""
    UNIMPLEMENTED = 12
    """The mesh does not offer this."""
    INTERNAL = 13
    """The mesh has a fault; the message carries an id to look for in its logs."""
    UNAVAILABLE = 14
    """The mesh cannot answer now; the same call may succeed later."""
    DATA_LOSS = 15
    """Data is lost or spoiled."""
    UNAUTHENTICATED = 16
    """The caller has not said who it is."""
