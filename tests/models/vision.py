"""Tiny image-text-to-text models in the real format: random weights, real loaders.

Two kinds: ``chat`` is an Idefics3 with a chat template, as SmolVLM is, whose images become more or
fewer tokens by their size; ``plain`` is a BLIP, which takes the first words of a caption, or none.
"""

import textwrap
from pathlib import Path
from typing import Any

import torch
from transformers import (
    BertTokenizer,
    BlipConfig,
    BlipForConditionalGeneration,
    BlipProcessor,
    Idefics3Config,
    Idefics3ForConditionalGeneration,
    Idefics3Processor,
)
from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil
from transformers.models.idefics3.image_processing_pil_idefics3 import Idefics3ImageProcessorPil

from tests.models import causal

SIDE = 32
"""Of the square that the vision part sees at once, in pixels."""

TEMPLATE = textwrap.dedent("""\
    {{ bos_token }}{% for message in messages %}{{ message['role'] }}:
    {% for part in message['content'] %}
    {%- if part['type'] == 'image' %}<image>{% else %}{{ part['text'] }}{% endif %}
    {%- endfor %}<end_of_utterance>
    {% endfor %}{% if add_generation_prompt %}assistant:{% endif %}""")


def make(folder: Path, kind: str = "chat") -> Path:
    """Save a model of the kind ``chat`` or ``plain`` in the folder, and give the folder."""
    with torch.random.fork_rng():
        torch.manual_seed(8)
        {"chat": _chat, "plain": _plain}[kind](folder)
    return folder


def _chat(folder: Path) -> None:
    cells = [f"<row_{row}_col_{col}>" for row in range(1, 7) for col in range(1, 7)]
    marks = ["<image>", "<fake_token_around_image>", "<end_of_utterance>", "<global-img>", *cells]
    tokenizer = causal.tokenizer(600, 512)
    tokenizer.add_special_tokens({"additional_special_tokens": marks})
    processor = Idefics3Processor(
        image_processor=Idefics3ImageProcessorPil(
            size={"longest_edge": 2 * SIDE}, max_image_size={"longest_edge": SIDE}
        ),
        tokenizer=tokenizer,
        image_seq_len=4,
        chat_template=TEMPLATE,
    )
    text = {
        "model_type": "llama",
        "vocab_size": len(tokenizer),
        "hidden_size": 64,
        "intermediate_size": 96,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 512,
        "initializer_range": 0.3,
        "pad_token_id": tokenizer.pad_token_id,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
    }
    vision = {
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "image_size": SIDE,
        "patch_size": 8,
        "initializer_range": 0.3,
    }
    image_token = tokenizer.convert_tokens_to_ids("<image>")
    config = Idefics3Config(
        text_config=text, vision_config=vision, image_token_id=image_token, scale_factor=2
    )
    _save(folder, Idefics3ForConditionalGeneration(config), processor)


def _plain(folder: Path) -> None:
    words = sorted({word.lower() for text in causal.docstrings() for word in text.split()})
    letters = [chr(code) for code in range(33, 127)]
    marks = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    kept = [word for word in words if word.isalpha() and word.isascii()][:400]
    vocabulary = [*marks, *letters, *(f"##{letter}" for letter in letters), *kept]
    tokenizer = BertTokenizer(vocab={word: n for n, word in enumerate(dict.fromkeys(vocabulary))})
    text = {
        "vocab_size": len(tokenizer),
        "hidden_size": 32,
        "encoder_hidden_size": 32,
        "intermediate_size": 48,
        "projection_dim": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "max_position_embeddings": 64,
        "initializer_range": 0.5,
        "bos_token_id": tokenizer.cls_token_id,
        "eos_token_id": 2,
        "pad_token_id": tokenizer.pad_token_id,
        "sep_token_id": tokenizer.sep_token_id,
    }
    vision = {
        "hidden_size": 32,
        "intermediate_size": 48,
        "projection_dim": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "image_size": SIDE,
        "patch_size": 8,
        "initializer_range": 0.5,
    }
    config = BlipConfig(text_config=text, vision_config=vision, image_text_hidden_size=16)
    images = BlipImageProcessorPil(size={"height": SIDE, "width": SIDE})
    processor = BlipProcessor(image_processor=images, tokenizer=tokenizer)
    _save(folder, BlipForConditionalGeneration(config), processor)


def _save(folder: Path, model: Any, processor: Any) -> None:
    model.eval().save_pretrained(folder)
    processor.save_pretrained(folder)
