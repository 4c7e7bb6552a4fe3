"""A stage that generates without a model: it says again what it was told, a word a step."""

import threading
from collections.abc import Callable

import numpy as np

from convoy import Batch
from convoy.errors import invalid
from convoy_services.generation.sampling import COLUMNS, read
from convoy_services.mesh.column import Column, Columns
from convoy_services.mesh.increment import Ids, Increment
from convoy_services.mesh.stage import Streaming

TEXTS = Column("BYTES", [-1], default=())
MESH = """
stages:
  parrot: {class: "tests.unit.rpc.parrot:Parrot"}
pipelines:
  generation:
    steps:
      - stage: parrot
        from: [prompt, prompt_ids, roles, contents, stop, image, question, max_tokens, temperature,
          top_p, top_k, min_p, repetition_penalty, seed, stop_token_ids, logprobs, ignore_eos]
    outputs: [text, token_ids, finish_reason, logprob, pieces, likeliest_ids, likeliest_logprobs,
      likeliest_pieces, prompt_tokens, queue_us]
  captioning:
    steps:
      - stage: parrot
        from: [image, question, max_tokens]
        to: {logprob: null, pieces: null, likeliest_ids: null, likeliest_logprobs: null,
          likeliest_pieces: null}
    outputs: [text, token_ids, finish_reason, prompt_tokens, queue_us]
"""


class Parrot(Streaming):
    """Says each word of a prompt, of the last message or of a question; the seed comes first.

    The word ``refuse`` is refused.
    """

    consumes = Columns(
        prompt=Column("BYTES", default=""),
        prompt_ids=Column("INT64", [-1], default=()),
        roles=TEXTS,
        contents=TEXTS,
        stop=TEXTS,
        image=Column("BYTES", default=""),
        question=Column("BYTES", default=""),
        **COLUMNS,
    )
    produces = Columns(
        text=Column("BYTES"),
        token_ids=Column("INT32", [-1]),
        finish_reason=Column("INT32"),
        logprob=Column("FP32", [-1]),
        pieces=TEXTS,
        likeliest_ids=Column("INT32", [-1]),
        likeliest_logprobs=Column("FP32", [-1]),
        likeliest_pieces=TEXTS,
        prompt_tokens=Column("INT32"),
        queue_us=Column("INT64"),
    )

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rows: dict[int, tuple[list[str], int, bool]] = {}
        self._stop = threading.Event()

    def open(self, emit: Callable[[Increment], None]) -> None:
        self._emit = emit
        threading.Thread(target=self._run, daemon=True).start()

    def submit(self, ids: Ids, batch: Batch) -> None:
        settings = read(batch)
        for n, id in enumerate(ids.tolist()):
            contents = batch["contents"].tolist()[n]
            told = batch["prompt"].tolist()[n] or b" ".join(contents[-1:])
            told = told or batch["question"].tolist()[n]
            words = told.decode().split() or [str(i) for i in batch["prompt_ids"].tolist()[n]]
            if settings[n].seed >= 0:
                words.insert(0, str(settings[n].seed))
            with self._lock:
                self._rows[id] = (words, settings[n].max_tokens, settings[n].logprobs)

    def cancel(self, ids: Ids) -> None:
        with self._lock:
            for id in ids.tolist():
                self._rows.pop(id, None)

    def close(self) -> None:
        self._stop.set()

    def _run(self) -> None:
        while not self._stop.wait(0.002):
            with self._lock:
                for id, row in list(self._rows.items()):
                    self._say(id, *row)

    def _say(self, id: int, words: list[str], left: int, logprobs: int) -> None:
        word, *more = words
        finish = 1 if not more else 2 if left == 1 else 0
        if finish:
            del self._rows[id]
        else:
            self._rows[id] = (more, left - 1, logprobs)
        likely = logprobs >= 0
        refuses, refused = word.startswith("refuse"), word.partition(":")[2]
        batch = self.produces.pack(
            rows=1,
            text=[f"{word} "],
            token_ids=[[len(word)]],
            finish_reason=[finish],
            logprob=[[-0.5] if likely else []],
            pieces=[[word] if likely else []],
            likeliest_ids=[list(range(max(0, logprobs)))],
            likeliest_logprobs=[[-0.5] * max(0, logprobs)],
            likeliest_pieces=[["x"] * max(0, logprobs)],
            prompt_tokens=[7],
            queue_us=[1500],
            failures={0: invalid(refused or "prompt", "not this")} if refuses else {},
        )
        self._rows.pop(id, None) if refuses else None
        self._emit(
            Increment(ids=np.array([id], np.uint64), batch=batch, ended=np.array([finish > 0]))
        )
