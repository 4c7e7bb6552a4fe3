"""Formulas over columns, from text."""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

LONGEST = 1000
"""Characters of a formula."""
DEEPEST = 64
"""Parts within parts of a formula."""

TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)|(?P<sign>[-+*/^(),])|(?P<end>$)|(?P<other>.))",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class _Operation:
    call: Callable[..., Any]
    takes: int


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    at: int


NEGATIVE = 3
"""How strongly a minus before its only operand binds."""

BINARY = {
    "+": (1, 2, _Operation(np.add, 2)),
    "-": (1, 2, _Operation(np.subtract, 2)),
    "*": (2, 3, _Operation(np.multiply, 2)),
    "/": (2, 3, _Operation(np.divide, 2)),
    "^": (4, NEGATIVE, _Operation(np.power, 2)),
}
"""How strongly a sign binds, and how strongly what follows must, to be its right operand."""

FUNCTIONS = {
    "abs": _Operation(np.abs, 1),
    "exp": _Operation(np.exp, 1),
    "log": _Operation(np.log, 1),
    "log1p": _Operation(np.log1p, 1),
    "max": _Operation(np.maximum, 2),
    "min": _Operation(np.minimum, 2),
    "sqrt": _Operation(np.sqrt, 1),
}


@dataclass(frozen=True, slots=True)
class Formula:
    """A formula over named columns: numbers, names, + - * / ^, parentheses and functions.

    Signs bind as in mathematics and Python: ``^`` first and from the right, then a minus of one
    operand, then ``*`` and ``/``. ``min`` and ``max`` take two arguments or more.
    """

    text: str
    steps: tuple[float | str | _Operation, ...]
    """In postfix order: a number or a column is pushed, an operation takes from the top."""

    @classmethod
    def parse(cls, text: str, names: Collection[str]) -> Self:
        """Read a formula over columns of the given names.

        Raises ValueError that says where the text is wrong and what may stand there.
        """
        if len(text) > LONGEST:
            raise ValueError(f"{len(text)} characters; a formula has {LONGEST} at most")
        return cls(text, tuple(_Parser(text, names).steps))

    def __call__(self, columns: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
        """Compute it in float64, in the shape of all columns; -inf where that gives no number."""
        shape = np.broadcast_shapes(*[column.shape for column in columns.values()])
        stack: list[Any] = []
        with np.errstate(all="ignore"):
            for step in self.steps:
                if isinstance(step, _Operation):
                    operands = stack[-step.takes :]
                    stack[-step.takes :] = [step.call(*operands)]
                elif isinstance(step, str):
                    stack.append(columns[step].astype(np.float64))
                else:
                    stack.append(np.float64(step))
            value = np.where(np.isnan(stack[0]), -np.inf, stack[0]).astype(np.float32)
        return np.broadcast_to(value, shape)


class _Parser:
    """Reads one text by precedence climbing, one token ahead."""

    def __init__(self, text: str, names: Collection[str]) -> None:
        self.steps: list[float | str | _Operation] = []
        self._tokens = TOKEN.finditer(text)
        self._names = names
        self._depth = 0
        self._next = self._token()
        self._part(0)
        if self._next.kind != "end":
            raise self._fault(f"expected one of {' '.join(BINARY)} or the end")

    def _token(self) -> _Token:
        match = next(self._tokens)
        kind = match.lastgroup
        assert kind is not None
        return _Token(kind, match[kind], match.start(kind))

    def _pass(self, sign: str) -> bool:
        """Move past a sign, if it comes next."""
        if self._next.kind != "sign" or self._next.text != sign:
            return False
        self._next = self._token()
        return True

    def _part(self, least: int) -> None:
        """Read operands as long as the signs between them bind at least so strongly."""
        self._depth += 1
        if self._depth > DEEPEST:
            raise self._fault(f"parts may stand in each other {DEEPEST} deep")
        self._operand()
        while (sign := BINARY.get(self._next.text)) and sign[0] >= least:
            self._next = self._token()
            _, right, operation = sign
            self._part(right)
            self.steps.append(operation)
        self._depth -= 1

    def _operand(self) -> None:
        token = self._next
        if self._pass("-"):
            self._part(NEGATIVE)
            self.steps.append(_Operation(np.negative, 1))
        elif self._pass("("):
            self._part(0)
            self._close()
        elif token.kind == "number":
            self._next = self._token()
            self.steps.append(float(token.text))
        elif token.kind == "name":
            self._next = self._token()
            if self._pass("("):
                self._arguments(token)
            elif token.text in self._names:
                self.steps.append(token.text)
            else:
                raise self._fault("there is no such name", token)
        else:
            raise self._fault("expected a number, a name, a function, - or (")

    def _arguments(self, name: _Token) -> None:
        """Read a function's arguments; one of two folds any number."""
        function = FUNCTIONS.get(name.text)
        if function is None:
            raise self._fault("there is no such function", name)
        self._part(0)
        count = 1
        while self._pass(","):
            self._part(0)
            self.steps.append(function)
            count += 1
        if (count == 1) != (function.takes == 1):
            takes = "one argument" if function.takes == 1 else "two arguments or more"
            raise self._fault(f"takes {takes}, not {count}", name)
        if function.takes == 1:
            self.steps.append(function)
        self._close()

    def _close(self) -> None:
        if not self._pass(")"):
            raise self._fault("expected )")

    def _fault(self, what: str, token: _Token | None = None) -> ValueError:
        token = token or self._next
        there = repr(token.text) if token.text else "the end"
        return ValueError(
            f"at character {token.at + 1}, {there}: {what}; a formula has numbers, "
            f"the names {', '.join(sorted(self._names))}, the signs {' '.join(BINARY)}, "
            f"parentheses and the functions {', '.join(FUNCTIONS)}"
        )
