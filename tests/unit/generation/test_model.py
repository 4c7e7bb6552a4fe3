"""Where a model's files are, and what is said where they are not."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from convoy_services.generation.model import MIRROR, absent, limits, locate, reading, tokenizer


@pytest.fixture(autouse=True)
def _no_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(MIRROR, raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


def test_a_folder_is_itself(tmp_path: Path) -> None:
    assert locate(str(tmp_path)) == str(tmp_path)


def test_a_model_in_the_mirror_is_found_by_its_hub_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "some" / "model").mkdir(parents=True)
    assert locate("some/model", str(tmp_path)) == str(tmp_path / "some" / "model")
    monkeypatch.setenv(MIRROR, str(tmp_path))
    assert locate("some/model") == str(tmp_path / "some" / "model")


def test_a_model_that_the_mirror_lacks_is_left_to_the_hub(tmp_path: Path) -> None:
    assert locate("some/model", str(tmp_path)) == "some/model"
    assert locate("model") == "model"


@pytest.mark.parametrize("name", ["/no/such/folder", "../model", "a/b/c", "", "a/.."])
def test_what_is_neither_a_folder_nor_a_hub_id_is_told_at_once(name: str, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="there is no folder") as told:
        locate(name, str(tmp_path))
    assert "config.json" in str(told.value)


@pytest.mark.parametrize("read", [tokenizer, limits])
def test_a_missing_model_says_what_to_download_and_where_to_put_it(
    read: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(MIRROR, str(tmp_path))
    assert callable(read)
    with pytest.raises(OSError, match="is not on this machine") as told:
        read("convoy-mesh/no-such-model")
    message = str(told.value)
    command = "hf download convoy-mesh/no-such-model --local-dir $CONVOY_MODELS/convoy-mesh"
    assert f"{command}/no-such-model" in message
    assert "tokenizer.json" in message
    assert "*.safetensors" in message
    assert f"which is {tmp_path}" in message
    assert "huggingface" not in message
    assert "\n" not in message


def test_a_model_is_absent_where_it_is_nowhere_and_no_hub_is_to_be_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv(MIRROR, str(tmp_path))
    assert "the model some/model is not on this machine" in absent("some/model")
    assert "there is no folder '/no/such/folder'" in absent("/no/such/folder")
    assert absent(str(tmp_path)) == ""
    snapshot = tmp_path / "models--some--cached" / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").write_text("{}")
    (snapshot.parents[1] / "refs").mkdir()
    (snapshot.parents[1] / "refs" / "main").write_text("abc")
    assert absent("some/cached") == ""
    (tmp_path / "some" / "model").mkdir(parents=True)
    assert absent("some/model") == ""


def test_a_model_that_a_hub_may_have_is_not_said_to_be_absent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    assert absent("convoy-mesh/no-such-model") == ""


def test_a_mirror_that_is_not_named_is_asked_for() -> None:
    with pytest.raises(OSError, match="to be named first"):
        tokenizer("convoy-mesh/no-such-model")


@pytest.mark.parametrize("read", [tokenizer, limits])
def test_a_folder_that_lacks_files_says_which_there_should_be(read: object, tmp_path: Path) -> None:
    assert callable(read)
    with pytest.raises(OSError, match=r"lacks files of the model.* tokenizer\.json"):
        read(str(tmp_path))


def test_files_that_a_folder_lacks_are_named_and_the_folder_from_its_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "config.json").write_text("{}")
    with pytest.raises(OSError, match="lacks files of the model") as told:
        tokenizer("here")
    said = f"the folder {tmp_path}/here lacks files of the model: tokenizer.json, *.safetensors; "
    assert str(told.value).startswith(said)
    with pytest.raises(OSError, match=f"no folder '{tmp_path}/a/b/c', and 'a/b/c' is no hub id"):
        locate("a/b/c")


@pytest.mark.parametrize(
    ("files", "named"),
    [
        ({}, "processor_config.json or preprocessor_config.json"),
        ({"processor_config.json": {"image_seq_len": 4}}, "preprocessor_config.json"),
        ({"processor_config.json": {"image_processor": {}}}, ""),
        ({"preprocessor_config.json": {}}, ""),
    ],
)
def test_of_a_model_for_images_what_says_how_to_take_them_is_named(
    files: dict[str, object], named: str, tmp_path: Path
) -> None:
    """It was told as if the model were one for texts."""
    sound = {"config.json": {"vision_config": {}}, "tokenizer.json": {}, "model.safetensors": {}}
    for name, content in {**sound, **files}.items():
        (tmp_path / name).write_text(json.dumps(content))
    with pytest.raises(OSError, match="lacks files of the model") as told, reading(str(tmp_path)):
        raise OSError("can't load image processor")
    lacking = str(told.value).partition(";")[0].partition(" lacks files of the model")[2]
    assert lacking.removeprefix(": ") == named
    assert "preprocessor_config.json" in str(told.value)


def test_what_is_wrong_for_want_of_a_file_is_told_as_its_want(tmp_path: Path) -> None:
    """A loader without config.json says that it does not know the model."""
    told = r"lacks files of the model: config\.json"
    with pytest.raises(OSError, match=told), reading(str(tmp_path)):
        raise ValueError("unrecognized model")
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ValueError, match="too large"), reading(str(tmp_path)):
        raise ValueError("too large")


def test_what_the_system_refuses_is_told_in_its_own_words(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError), reading(str(tmp_path)) as place:
        Path(place).read_text()


def test_the_tokenizer_and_the_limits_of_a_model_are_read(causal_model: Path) -> None:
    assert tokenizer(str(causal_model)).chat_template
    takes = limits(str(causal_model))
    assert (takes.vocabulary, takes.positions) == (2000, 512)


def test_limits_of_a_model_for_images_too_are_those_of_its_texts(tmp_path: Path) -> None:
    text = {"model_type": "llama", "vocab_size": 77, "max_position_embeddings": 99}
    config = {"model_type": "llava", "text_config": text}
    (tmp_path / "config.json").write_text(json.dumps(config))
    takes = limits(str(tmp_path))
    assert (takes.vocabulary, takes.positions) == (77, 99)


def test_code_that_comes_with_a_model_is_not_run(tmp_path: Path) -> None:
    code = {"AutoConfig": "strange.StrangeConfig"}
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "strange", "auto_map": code}))
    (tmp_path / "strange.py").write_text("raise SystemExit('run')")
    with pytest.raises(ValueError, match="trust_remote_code"):
        limits(str(tmp_path))


def test_nothing_heavy_is_imported_where_a_configuration_is_checked() -> None:
    program = (
        "import sys; from convoy_services.generation import Detokenize, Generate, Prompt;"
        "Prompt(model='a/b'); Generate(model='a/b', cache_tokens=9); Detokenize(model='a/b');"
        "print({'torch', 'transformers', 'tokenizers', 'huggingface_hub'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "set()"
