"""A Hugging Face encoder with its pooling, as one torch module."""

import torch
from torch import nn
from transformers import AutoModel
from transformers.utils.logging import disable_progress_bar

from convoy_services.embedding.engines.pooling import pool, pooling_of


class Encoder(nn.Module):
    """From tokens to embeddings; what every engine runs, compiles or converts."""

    def __init__(self, body: nn.Module, *, pooling: str, dimensions: int, pad_id: int) -> None:
        """Wrap the model that gives the hidden states."""
        super().__init__()
        self.body = body
        self.pooling = pooling
        self.dimensions = dimensions
        self.pad_id = pad_id

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Make [n, dimensions] float32 of two int64 [n, t].

        Some models count positions by the pad token, so it is put where the mask is 0.
        """
        ids = input_ids.masked_fill(attention_mask == 0, self.pad_id)
        hidden = self.body(input_ids=ids, attention_mask=attention_mask).last_hidden_state
        return pool(self.pooling, hidden, attention_mask)


def load(model: str, dtype: torch.dtype) -> Encoder:
    """Read the safetensors of a hub id or local path, memory-mapped and once; sdpa where it can.

    Pickled weights are refused (OSError): loading them runs what is in them.
    """
    disable_progress_bar()  # type: ignore[no-untyped-call]  # a replica's log is no terminal
    body = AutoModel.from_pretrained(model, dtype=dtype, use_safetensors=True).eval()
    config = body.config
    return Encoder(
        body,
        pooling=pooling_of(model),
        dimensions=int(config.hidden_size),
        pad_id=int(config.pad_token_id or 0),
    )
