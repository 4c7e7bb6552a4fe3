"""The number formats an encoder may compute in."""

from pathlib import Path

PRECISIONS = ("auto", "float32", "bfloat16", "int8")

_CPUINFO = Path("/proc/cpuinfo")
_BFLOAT16_FLAGS = frozenset({"avx512_bf16", "amx_bf16"})


def resolve(precision: str, device: str) -> str:
    """Turn ``auto`` into the fastest precision that keeps the embeddings: never int8.

    That is bfloat16 on a GPU and on a CPU with instructions for it. Without them it is emulated:
    measured on Zen 3, seven times slower than float32. Raises ValueError for an unknown name.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"precision {precision!r}: choose one of {', '.join(PRECISIONS)}")
    if precision != "auto":
        return precision
    return "bfloat16" if device == "cuda" or _BFLOAT16_FLAGS & cpu_flags() else "float32"


def cpu_flags() -> frozenset[str]:
    """Read the instruction sets of the first core; none where the system does not list them."""
    if not _CPUINFO.exists():
        return frozenset()
    for line in _CPUINFO.read_text().splitlines():
        if line.startswith("flags"):
            return frozenset(line.partition(":")[2].split())
    return frozenset()
