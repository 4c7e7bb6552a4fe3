"""The stage that decodes: every row is answered, whatever the others are."""

import numpy as np
import pytest

from convoy import Batch, Code, Tensor
from convoy_services.captioning import Decode

from .files import halves, png, save


def images(*files: bytes) -> Batch:
    return Batch(rows=len(files), columns={"image": Tensor.texts(files)})


@pytest.fixture
def stage() -> Decode:
    made = Decode()
    made.load()
    return made


def test_rows_of_different_sizes_keep_their_places(stage: Decode) -> None:
    batch = stage.process(images(save(halves(6, 4)), save(halves(2, 8))))
    assert batch["height"].tolist() == [4, 8]
    assert batch["width"].tolist() == [6, 2]
    first, second = (np.array(row).reshape(-1, 3) for row in batch["pixels"].tolist())
    assert first[:6].tolist() == [[255, 0, 0]] * 3 + [[0, 0, 255]] * 3
    assert second.shape == (16, 3)
    assert not batch.failures


def test_a_row_that_is_no_image_fails_alone(stage: Decode) -> None:
    batch = stage.process(images(b"no", save(halves(6, 4)), png(1, 10**9), b""))
    assert sorted(batch.failures) == [0, 2, 3]
    assert {error.code for error in batch.failures.values()} == {Code.INVALID_ARGUMENT}
    assert batch["height"].tolist() == [0, 4, 0, 0]
    assert batch["pixels"].lengths.tolist() == [0, 72, 0, 0]


def test_a_batch_of_nothing_but_damage_is_answered(stage: Decode) -> None:
    assert len(stage.process(images(b"", b"\0")).failures) == 2


def test_the_limits_are_settings() -> None:
    stage = Decode(max_bytes=10_000, max_pixels=5000, max_side=10)
    stage.load()
    files = save(halves(40, 20)), save(halves(100, 51)), b"\0" * 10_001
    batch = stage.process(images(*files))
    assert (batch["height"].tolist()[0], batch["width"].tolist()[0]) == (5, 10)
    assert "take at most 5000" in batch.failures[1].message
    assert "take at most 10000" in batch.failures[2].message


@pytest.mark.parametrize("name", ["max_bytes", "max_pixels", "max_side"])
def test_a_limit_below_one_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} 0: at least 1"):
        Decode(**{name: 0})


def test_an_image_is_a_part_of_its_own_and_decoded_once(
    stage: Decode, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = save(halves(6, 4)), save(halves(2, 8))
    batch = images(one, other, *[one] * 20)
    assert [len(part) for part in stage.cut(batch)] == [16, 5, 1]
    assert sorted(row for part in stage.cut(batch) for row in part.tolist()) == list(range(22))
    decoded: list[bytes] = []
    decode = stage._decode
    monkeypatch.setattr(
        stage, "_decode", lambda data, limits: decoded.append(data) or decode(data, limits)
    )
    assert not stage.process(batch).failures
    assert decoded == [one, other]
