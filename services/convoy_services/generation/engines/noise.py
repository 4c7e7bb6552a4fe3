"""Noise that is the same wherever it is made: random numbers by seed, position and token."""

import struct
from collections.abc import Sequence
from hashlib import blake2b

import torch
from torch import Tensor

# Of MurmurHash3's 32-bit finalizer (Appleby, 2011), as signed numbers; the first is 2^32 / phi.
_STEP, _FIRST, _SECOND = -0x61C88647, -0x7A143595, -0x3D4D51CB
_LARGEST = 1 - 2**-24
"""The largest 32-bit float below one."""


def gumbel(keys: Sequence[tuple[int, int]], vocab: int, device: torch.device) -> Tensor:
    """Give Gumbel noise as float32 [keys, vocab]; ``keys`` are seeds and positions.

    The argmax of logarithms of probabilities with it is a draw by those probabilities (Gumbel-max;
    Maddison et al. 2014). Each number is a hash of its key and its place alone, so a row's noise
    is not changed by other rows; torch's generators would need a kernel for each row.
    """
    hashes = torch.tensor([_hash(key) for key in keys], dtype=torch.int32, device=device)
    bits = torch.arange(vocab, dtype=torch.int32, device=device) * _STEP + hashes[:, :1]
    bits ^= (bits >> 16) & 0xFFFF
    bits *= _FIRST
    bits ^= (bits >> 13) & 0x7FFFF
    bits ^= hashes[:, 1:]
    bits *= _SECOND
    bits ^= (bits >> 16) & 0xFFFF
    bits &= 0x7FFFFFFF
    uniform = bits.float().add_(0.5).mul_(2**-31).clamp_(max=_LARGEST)
    # -log(-log(1 - u)): precise where u is small, which is where the noise is large.
    return uniform.neg_().log1p_().neg_().log_().neg_()


def _hash(key: tuple[int, int]) -> tuple[int, int]:
    """Scatter a key: seeds that follow each other have nothing in common."""
    digest = blake2b(struct.pack("<qq", *key), digest_size=8).digest()
    first, second = struct.unpack("<ii", digest)
    return first, second
