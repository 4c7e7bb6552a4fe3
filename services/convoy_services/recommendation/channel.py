"""Which ways of recall found an item."""

from enum import IntFlag


class Channel(IntFlag):
    """A way that a candidate comes; a candidate's are added up."""

    VECTOR = 1
    """Near the user in the space of the two towers."""
    COVISIT = 2
    """Watched by those who watched what the user did."""
    TEXT = 4
    """Near the text that was asked for."""
    POPULAR = 8
    """Much watched of late."""
    GIVEN = 16
    """Named by the caller."""
