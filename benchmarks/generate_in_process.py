"""A worker that generates without any server: the engine by itself, and ``model.generate``.

``together`` gives the engine all prompts at once, again and again; ``first`` one of them, for the
time to the first token; ``one_by_one`` has transformers' ``generate`` do one at a time.
"""

import os
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any

from benchmarks.prompts import CACHE, FEW, STREAMS, THREADS, TOKENS, prompts
from benchmarks.worker import Line

ENDS_WITHIN = 300.0
"""Seconds."""


def main() -> None:
    line = Line()
    # As Ray sets it for the replica that has the engine.
    os.environ |= {"OMP_NUM_THREADS": str(THREADS), "TOKENIZERS_PARALLELISM": "false"}
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from convoy_services.generation.engines.continuous import ContinuousBatching
    from convoy_services.generation.engines.engine import Finish, Prompt, StepOutput
    from convoy_services.generation.sampling import Sampling

    folder = sys.argv[1]
    tokenizer = AutoTokenizer.from_pretrained(folder)
    inputs = [tokenizer(text)["input_ids"] for text in prompts(STREAMS)]
    began: dict[int, float] = {}
    firsts: list[float] = []
    done = threading.Event()

    def on_step(outputs: Sequence[StepOutput]) -> None:
        now = time.perf_counter()
        for output in outputs:
            if output.error:
                raise output.error
            if output.id in began:
                firsts.append(now - began.pop(output.id))
            if output.finish != Finish.NONE:
                running.discard(output.id)
        if not running:
            done.set()

    running: set[int] = set()
    engine = ContinuousBatching(model=folder, cache_tokens=CACHE, threads=THREADS)
    engine.start(on_step)

    def generate(rows: Sequence[Sequence[int]], tokens: int) -> None:
        sampling = Sampling(max_tokens=tokens, temperature=0.0, ignore_eos=True)
        running.update(range(len(rows)))
        done.clear()
        for id, ids in enumerate(rows):
            began[id] = time.perf_counter()
            engine.submit(Prompt(id=id, input_ids=ids, sampling=sampling))
        if not done.wait(ENDS_WITHIN):
            raise TimeoutError("the engine does not end")

    def together(seconds: float) -> dict[str, float]:
        waves, spent = 0, time.process_time()
        start = time.perf_counter()
        while time.perf_counter() - start < seconds or not waves:
            generate(inputs, TOKENS)
            waves += 1
        took, spent = time.perf_counter() - start, time.process_time() - spent
        tokens = waves * len(inputs) * TOKENS
        return {"rate": tokens / took, "engine_us": spent / tokens * 1e6}

    def first(text: int) -> dict[str, float]:
        generate([inputs[text]], FEW)
        return {"p50_ms": firsts.pop() * 1e3}

    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype="float32")

    def one_by_one(seconds: float) -> dict[str, float]:
        start, n = time.perf_counter(), 0
        while time.perf_counter() - start < seconds or not n:
            ids = torch.tensor([inputs[n % len(inputs)]])
            with torch.inference_mode():
                model.generate(
                    ids,
                    attention_mask=torch.ones_like(ids),
                    max_new_tokens=TOKENS,
                    min_new_tokens=TOKENS,
                    do_sample=False,
                )
            n += 1
        return {"rate": n * TOKENS / (time.perf_counter() - start)}

    def answer(*, what: str, **how: Any) -> dict[str, float]:
        return {"together": together, "first": first, "one_by_one": one_by_one}[what](**how)

    line.say(prompt_tokens=[len(ids) for ids in inputs])
    line.serve(answer)
    engine.stop()


if __name__ == "__main__":
    main()
