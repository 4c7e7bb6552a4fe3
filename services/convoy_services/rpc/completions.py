"""Texts as a pipeline generates them: what the typed services of generation share."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from typing import TypeVar

from google.protobuf.message import Message

from convoy import Batch, ConvoyError, Tensor, Violation
from convoy.errors import invalid
from convoy.v1 import generation_pb2 as pb
from convoy_services.generation.sampling import COLUMNS
from convoy_services.mesh.increment import News
from convoy_services.mesh.pipeline import Pipeline
from convoy_services.mesh.plan import PipelinePlan
from convoy_services.rpc.call import Call
from convoy_services.rpc.sampling import columns

M = TypeVar("M", bound=Message)

OUTPUTS = ("text", "token_ids", "finish_reason", "prompt_tokens", "queue_us")
SAMPLED = {*COLUMNS, "stop"}
"""Columns that are settings of ``sampling``."""
LIKELY = ("logprob", "pieces", "likeliest_ids", "likeliest_logprobs", "likeliest_pieces")
"""Outputs that a pipeline may lack: how likely tokens were."""


class Completions:
    """One request's texts, as they come."""

    def __init__(
        self,
        pipeline: Pipeline,
        prompt: Mapping[str, Tensor],
        sampling: pb.SamplingParameters,
        call: Call,
        fields: Mapping[str, str],
    ) -> None:
        """Ask ``pipeline`` to go on with ``prompt``, columns of one row.

        ``fields`` are the caller's names of columns, and of ``batch``, for errors; what follows []
        is only of entries. Raises ConvoyError INVALID_ARGUMENT.
        """
        plan = pipeline.plan
        settings = columns(sampling, plan)
        rows = sampling.n if sampling.HasField("n") else 1
        given = {name: Tensor.concat([tensor] * rows) for name, tensor in prompt.items()}
        inputs = plan.inputs.admit(Batch(rows=rows, columns={**given, **settings}))
        self._pipeline = pipeline
        self._fields = fields
        self._likely = all(name in plan.outputs for name in LIKELY)
        self._request = call.request(inputs, plan.limits.timeout)
        self._request.on_news = self._take
        self._chunks: list[pb.CompletionChunk] = []
        self._some = asyncio.Event()
        self._first = [0.0] * rows
        self._last = [0.0] * rows
        self._tokens = [0] * rows
        self._queue = 0.0
        self._prompt_tokens = 0

    async def whole(self, response: type[M]) -> M:
        """Wait for the texts, and answer with all of them; raises ConvoyError."""
        await self._run()
        whole = [pb.Completion(index=row) for row in range(len(self._tokens))]
        texts: list[list[str]] = [[] for _ in whole]
        for chunk in self._chunks:
            texts[chunk.index].append(chunk.text)
            whole[chunk.index].token_ids.extend(chunk.token_ids)
            whole[chunk.index].tokens.extend(chunk.tokens)
            whole[chunk.index].finish_reason = chunk.finish_reason
        for completion, parts in zip(whole, texts, strict=True):
            completion.text = "".join(parts)
        return response(completions=whole, usage=self._usage(), timings=self._timings())

    async def stream(self, response: type[M]) -> AsyncIterator[M]:
        """Answer with what was added, as it comes: what came at the same time together.

        Usage and timings are in the last answer. Raises ConvoyError.
        """
        running = asyncio.create_task(self._run())
        running.add_done_callback(lambda _: self._some.set())
        ended = False
        try:
            while not ended:
                await self._some.wait()
                self._some.clear()
                ended = running.done()  # before the chunks: what comes while one is sent counts
                if self._chunks:
                    chunks, self._chunks = self._chunks, []
                    yield response(chunks=chunks)
            await running
            yield response(usage=self._usage(), timings=self._timings())
        finally:
            running.cancel()

    def _usage(self) -> pb.TokenUsage:
        """How many tokens there were."""
        return pb.TokenUsage(prompt_tokens=self._prompt_tokens, completion_tokens=sum(self._tokens))

    def _timings(self) -> pb.GenerationTimings:
        """Where the time went."""
        made = self._request.made
        timings = pb.GenerationTimings()
        timings.queue.FromNanoseconds(round(self._queue * 1e9))
        timings.time_to_first_token.FromNanoseconds(round((max(self._first) - made) * 1e9))
        between = [
            (last - first) / (tokens - 1)
            for first, last, tokens in zip(self._first, self._last, self._tokens, strict=True)
            if tokens > 1
        ]
        if between:
            timings.per_token.FromNanoseconds(round(max(between) * 1e9))
        return timings

    async def _run(self) -> None:
        try:
            result = await self._pipeline.run(self._request)
        except ConvoyError as error:
            raise _renamed(error, self._fields) from None
        if result.failures:
            raise _renamed(result.failures[min(result.failures)], self._fields)

    def _take(self, row: int, news: News) -> None:
        """Take what was added to one text."""
        now = time.monotonic()
        ids = news["token_ids"]
        if ids and not self._tokens[row]:
            self._first[row] = now
            head = self._request.journeys[0].landed - self._request.made
            self._queue = max(self._queue, head + news["queue_us"] / 1e6)
            self._prompt_tokens = news["prompt_tokens"]
        self._last[row] = now
        self._tokens[row] += len(ids)
        chunk = pb.CompletionChunk(
            index=row,
            text=news["text"].decode(),
            token_ids=ids,
            finish_reason=news["finish_reason"],
        )
        if self._likely and news["logprob"]:
            chunk.tokens.extend(_tokens(ids, news))
        self._chunks.append(chunk)
        self._some.set()


def generates(plan: PipelinePlan, prompt: str) -> None:
    """Raise ConvoyError INVALID_ARGUMENT where a pipeline makes no text of what has this name."""
    if prompt not in plan.inputs or any(name not in plan.outputs for name in OUTPUTS):
        raise invalid("pipeline", f"the pipeline {plan.name} does not turn {prompt} into text")


def _tokens(ids: list[int], news: News) -> list[pb.GeneratedToken]:
    """Tell how likely each token was, and those that were likeliest in its place."""
    likeliest = [
        pb.TokenLogprob(token_id=id, token=piece, logprob=logprob)
        for id, piece, logprob in zip(
            news["likeliest_ids"], news["likeliest_pieces"], news["likeliest_logprobs"], strict=True
        )
    ]
    each = len(likeliest) // len(ids)
    places = [likeliest[n * each : (n + 1) * each] for n in range(len(ids))]
    return [
        pb.GeneratedToken(
            chosen=pb.TokenLogprob(token_id=id, token=piece, logprob=logprob), likeliest=beside
        )
        for id, piece, logprob, beside in zip(
            ids, news["pieces"], news["logprob"], places, strict=True
        )
    ]


def _name(field: str, fields: Mapping[str, str]) -> str:
    """Give the caller's name of a column, or of an entry of it."""
    column, bracket, rest = field.partition("[")
    if column in SAMPLED:
        return f"sampling.{field}"
    if column == "batch.rows":
        return "sampling.n"
    theirs, _, part = fields.get(column, column).partition("[]")
    return theirs + bracket + rest + (part if bracket else "")


def _renamed(error: ConvoyError, fields: Mapping[str, str]) -> ConvoyError:
    """Name faulty fields as the caller did: a stage names its own columns."""
    violations = [Violation(_name(v.field, fields), v.description) for v in error.violations]
    message = error.message
    if violations:
        first, *more = violations
        message = invalid(first.field, first.description, *more).message
    return ConvoyError(
        error.code,
        message,
        error.reason,
        error.stage,
        violations,
        error.retry_after,
        error.metadata,
    )
