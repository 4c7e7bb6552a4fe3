"""Tiny language models, saved as real ones are."""

import ast
import inspect
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import torch
from tokenizers import Tokenizer
from tokenizers.decoders import ByteLevel as Letters
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from tokenizers.processors import TemplateProcessing
from tokenizers.trainers import BpeTrainer
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

PAD, BOS, EOS = "<pad>", "<s>", "</s>"
"""The special tokens; their ids are 0, 1 and 2."""

MODULES = ("argparse", "asyncio.tasks", "collections", "datetime", "decimal", "difflib", "doctest")
"""Modules of the standard library whose docstrings the tokenizer learns from."""

SCALE = 0.4
"""The weights' standard deviation: wide enough that each token changes what comes next."""

CHAT = """{{ bos_token }}{% for message in messages %}\
{% if message.role not in ["system", "user", "assistant"] %}\
{{ raise_exception("unknown role " + message.role) }}{% endif %}\
[{{ message.role }}]
{{ message.content }}{{ eos_token }}
{% endfor %}{% if add_generation_prompt %}[assistant]
{% endif %}"""


def make(
    folder: Path,
    *,
    layers: int = 2,
    hidden: int = 64,
    heads: int = 4,
    vocab: int = 2000,
    positions: int = 512,
    seed: int = 0,
) -> Path:
    """Save a Llama with random weights and a tokenizer of its own; the same each time."""
    config = LlamaConfig(
        vocab_size=vocab,
        hidden_size=hidden,
        intermediate_size=2 * hidden,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        max_position_embeddings=positions,
        initializer_range=SCALE,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = LlamaForCausalLM(config)
    model.save_pretrained(folder)
    tokenizer(vocab, positions).save_pretrained(folder)
    return folder


def tokenizer(vocab: int, positions: int) -> PreTrainedTokenizerFast:
    """Train a byte-level BPE, which puts the beginning's token before a text."""
    bpe = Tokenizer(BPE())
    bpe.pre_tokenizer = ByteLevel(add_prefix_space=False)
    bpe.decoder = Letters()
    trainer = BpeTrainer(
        vocab_size=vocab,
        special_tokens=[PAD, BOS, EOS],
        initial_alphabet=ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator(docstrings(), trainer)
    bpe.post_processor = TemplateProcessing(single=f"{BOS} $A", special_tokens=[(BOS, 1)])
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        pad_token=PAD,
        bos_token=BOS,
        eos_token=EOS,
        chat_template=CHAT,
        model_max_length=positions,
        clean_up_tokenization_spaces=False,
    )


def docstrings() -> Iterator[str]:
    """Give the docstrings of the modules, but for those that tell of tracebacks.

    The tests look for such in every reply, and a model writes whatever words it has.
    """
    for name in MODULES:
        for node in ast.walk(ast.parse(inspect.getsource(import_module(name)))):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                text = ast.get_docstring(node)
                if text and "Traceback" not in text:
                    yield text
