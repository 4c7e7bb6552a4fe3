"""Tokens to text, step by step."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from convoy import Batch, ConvoyError, Datatype, Tensor
from convoy.errors import invalid
from convoy_services.generation.engines.engine import Finish
from convoy_services.generation.model import tokenizer
from convoy_services.generation.stops import Stops
from convoy_services.generation.text import Text, Texts
from convoy_services.mesh.column import Column, Columns
from convoy_services.mesh.increment import Ids, Increment
from convoy_services.mesh.stage import Incremental

MAX_STOPS = 16
"""Texts that end one text."""


@dataclass(slots=True)
class _Row:
    """What is kept of a sequence between two steps."""

    text: Text
    stops: Stops
    fault: ConvoyError | None
    finish: int = 0
    """A ``Finish``."""


class Detokenize(Incremental):
    """Makes text of tokens as they come, and ends it before the first of a row's stop texts.

    stop BYTES [-1] comes with a row. Each step brings token_ids INT32 [-1], finish INT32 [],
    logprob FP32 [-1] and likeliest_ids INT32 [-1] → text BYTES [], valid UTF-8 each time, and
    finish_reason INT32 [], a ``Finish``. Where logprobs are asked for, as the row's ``logprob``
    tells, pieces BYTES [-1] are the bytes of its tokens, likeliest_pieces those of likeliest_ids.
    The token that ends a text, be it the model's or one that the request named, is none of it.
    """

    consumes = Columns(
        stop=Column("BYTES", [-1], default=()),
        token_ids=Column("INT32", [-1]),
        finish=Column("INT32"),
        logprob=Column("FP32", [-1]),
        likeliest_ids=Column("INT32", [-1]),
    )
    produces = Columns(
        text=Column("BYTES"),
        finish_reason=Column("INT32"),
        pieces=Column("BYTES", [-1]),
        likeliest_pieces=Column("BYTES", [-1]),
    )

    def __init__(self, *, model: str) -> None:
        """Take the model whose tokens come, by hub id or folder."""
        self._model = model
        self._rows: dict[int, _Row] = {}

    def load(self) -> None:
        """Read the tokenizer; raises OSError where there is none, ValueError as ``Texts`` does."""
        self._texts = Texts(tokenizer(self._model))

    def begin(self, ids: Ids, batch: Batch) -> None:
        """Take the stop texts of new rows; one that is refused fails its row at the next step."""
        for id, stop in zip(ids.tolist(), batch["stop"].tolist(), strict=True):
            fault = None
            stops: list[str] = []
            try:
                stops = _decode(stop)
            except ConvoyError as refused:
                fault = refused
            self._rows[id] = _Row(self._texts.new(), Stops(stops), fault)

    def advance(self, increment: Increment) -> Increment:
        """Give the text that is certain now; a row that meets a stop text has ended."""
        batch = increment.batch
        failures = dict(batch.failures)
        ended = increment.ended.tolist()
        texts: list[str] = []
        reasons: list[int] = []
        news = zip(batch["token_ids"].tolist(), batch["finish"].tolist(), strict=True)
        for n, (id, (tokens, finish)) in enumerate(zip(increment.ids.tolist(), news, strict=True)):
            row = self._rows.get(id)
            text = ""
            if row is None:  # it has been let go of, and this was under way
                ended[n] = True
            elif row.fault:
                failures.setdefault(n, row.fault)
            elif n not in failures:
                text = _add(row, tokens, finish)
                finish = row.finish
                ended[n] = ended[n] or finish != 0
            texts.append(text)
            reasons.append(finish)
        wanted = (batch["logprob"].lengths > 0).tolist()
        made = self.produces.pack(
            rows=batch.rows,
            failures=failures,
            text=Tensor.texts(texts),
            finish_reason=np.array(reasons, np.int32),
            pieces=self._pieces(batch["token_ids"], wanted),
            likeliest_pieces=self._pieces(batch["likeliest_ids"], wanted),
        )
        return Increment(ids=increment.ids, batch=made, ended=np.array(ended, np.bool_))

    def forget(self, ids: Ids) -> None:
        """Let go of rows; passes over those that are not there."""
        for id in ids.tolist():
            self._rows.pop(id, None)

    def _pieces(self, tokens: Tensor, wanted: Sequence[bool]) -> Tensor:
        if not any(wanted):
            return Tensor.zeros(tokens.rows, Datatype.BYTES, (-1,))
        spell = self._texts.spelling.raw
        rows = [
            [spell(token) for token in row] if wants else []
            for row, wants in zip(tokens.tolist(), wanted, strict=True)
        ]
        return Tensor.pack(rows, Datatype.BYTES, (-1,))


def _add(row: _Row, tokens: list[int], finish: int) -> str:
    """Go on with a row; nothing is added once it has ended."""
    if row.finish:
        return ""
    text = row.stops.add(row.text.add(tokens[:-1] if finish == Finish.STOP else tokens))
    if finish and not row.stops.hit:
        text += row.stops.add(row.text.end())
        if not row.stops.hit:
            text += row.stops.end()
    row.finish = int(Finish.STOP) if row.stops.hit else finish
    return text


def _decode(stops: list[bytes]) -> list[str]:
    if len(stops) > MAX_STOPS:
        raise invalid("stop", f"{len(stops)} texts; the limit is {MAX_STOPS}")
    texts = []
    for n, stop in enumerate(stops):
        if not stop:
            raise invalid(f"stop[{n}]", "the text is empty")
        try:
            texts.append(stop.decode())
        except UnicodeDecodeError as exc:
            told = f"the text is not UTF-8 at byte {exc.start}"
            raise invalid(f"stop[{n}]", told, reason="INVALID_UTF8") from exc
    return texts
