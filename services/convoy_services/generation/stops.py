"""The texts that end a text."""

from collections.abc import Sequence


class Stops:
    """Looks for the first of some texts in one that comes in parts.

    The first is the one that is complete first, so that it does not matter how the text is cut.
    """

    def __init__(self, stops: Sequence[str]) -> None:
        """Take texts that are not empty; there may be none."""
        self._stops = stops
        self._held = ""
        self.hit = False
        """Whether one has been found: nothing is to come after it."""

    def add(self, text: str) -> str:
        """Give what stands before the first stop, and cannot be the beginning of one."""
        if not self._stops:
            return text
        text = self._held + text
        found = [(at + len(stop), at) for stop in self._stops if (at := text.find(stop)) >= 0]
        if found:
            self.hit = True
            self._held = ""
            return text[: min(found)[1]]
        keep = min(self._begun(text, stop) for stop in self._stops)
        self._held = text[keep:]
        return text[:keep]

    def end(self) -> str:
        """Give what was kept back: it became no stop."""
        held, self._held = self._held, ""
        return held

    @staticmethod
    def _begun(text: str, stop: str) -> int:
        """Give the place where the stop may have begun, or the end."""
        at = text.find(stop[0], max(0, len(text) - len(stop) + 1))
        while at >= 0 and not stop.startswith(text[at:]):
            at = text.find(stop[0], at + 1)
        return at if at >= 0 else len(text)
