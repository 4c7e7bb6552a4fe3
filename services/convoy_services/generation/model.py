"""Where a model's files are, and what they say of it without its weights.

Nothing here runs where a configuration is checked: a hub may be asked.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

MIRROR = "CONVOY_MODELS"
"""The environment variable that names a folder of models, each in its OWNER/NAME."""

FILES = (
    "config.json, generation_config.json, tokenizer.json, tokenizer_config.json, "
    "chat_template.jinja, processor_config.json and preprocessor_config.json where it looks at "
    "images, and *.safetensors, as far as the model has them"
)

TOKENIZERS = ("tokenizer.json", "tokenizer.model", "tokenizer_config.json", "vocab.json")
"""Files of which a folder that holds a tokenizer has at least one."""

PROCESSORS = ("processor_config.json", "preprocessor_config.json")
"""What says how a model for images takes them: all of it in the first, or part in the second."""

WEIGHTS = ("*.safetensors", "*.bin")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a model takes."""

    vocabulary: int
    """Its tokens are 0 to this, without it."""
    positions: int | None
    """The most tokens of prompt and text together; None where its configuration does not say."""


def locate(model: str, mirror: str | None = None) -> str:
    """Give the folder of a model that is on this machine, else its name as a hub id.

    ``mirror`` is a folder of models, each in its OWNER/NAME; None: what CONVOY_MODELS names.
    Raises OSError for what is neither a folder nor could be a hub id.
    """
    if model and Path(model).is_dir():
        return model
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined] # in its docs

    try:
        validate_repo_id(model)
    except HFValidationError as exc:
        raise OSError(_no_folder(model)) from exc
    mirror = mirror or os.environ.get(MIRROR)
    if mirror and Path(mirror, model).is_dir():
        return str(Path(mirror, model))
    return model


def absent(model: str) -> str:
    """Say that a model is not on this machine; empty where it is, or a hub may be asked for it."""
    from huggingface_hub import constants, try_to_load_from_cache

    try:
        place = locate(model)
    except OSError as exc:
        return str(exc)
    if Path(place).is_dir() or not constants.HF_HUB_OFFLINE:
        return ""
    cached = isinstance(try_to_load_from_cache(model, "config.json"), str)
    return "" if cached else _missing(model, place)


@contextmanager
def reading(model: str) -> Iterator[str]:
    """Give where a model is; what its loader cannot find is told as what to download, and where.

    Raises OSError, whose message is for whoever runs the mesh.
    """
    place = locate(model)
    try:
        yield place
    except OSError as exc:
        if exc.errno is not None:  # the system's own: a disk that is full, a file not ours to read
            raise
        raise OSError(_missing(model, place)) from exc
    except ValueError as exc:
        if not _is_bare(place):
            raise
        raise OSError(_missing(model, place)) from exc


def tokenizer(model: str) -> "PreTrainedTokenizerBase":
    """Load a model's tokenizer.

    Raises OSError where it is not there, ValueError where it is of no kind that we know; code
    that comes with a model is not run.
    """
    from transformers import AutoTokenizer, PreTrainedTokenizerBase

    with reading(model) as place:
        _expect(place, TOKENIZERS)
        loaded = AutoTokenizer.from_pretrained(place, trust_remote_code=False)
    assert isinstance(loaded, PreTrainedTokenizerBase)
    return loaded


def limits(model: str) -> Limits:
    """Read what a model takes; raises OSError and ValueError as ``tokenizer`` does."""
    from transformers import AutoConfig

    with reading(model) as place:
        _expect(place, ("config.json",))
        config = AutoConfig.from_pretrained(place, trust_remote_code=False).get_text_config()
    positions = getattr(config, "max_position_embeddings", None)
    return Limits(vocabulary=int(config.vocab_size), positions=positions and int(positions))


def _expect(place: str, names: tuple[str, ...]) -> None:
    """Raise OSError where a folder has none of some files; transformers' words are no help."""
    folder = Path(place)
    if folder.is_dir() and not any((folder / name).is_file() for name in names):
        raise OSError(f"{names[0]} is missing")


def _is_bare(place: str) -> bool:
    """Whether a folder lacks a file for want of which loaders find fault with its others."""
    folder = Path(place)
    if not folder.is_dir():
        return False
    lacking = _lacking(folder)
    return "config.json" in lacking or (_sees(folder) and TOKENIZERS[0] in lacking)


def _lacking(folder: Path) -> list[str]:
    """Name the files that every model has, and this folder has not; of several kinds the first."""
    needed = [("config.json",), TOKENIZERS, WEIGHTS]
    lacking = [kinds[0] for kinds in needed if not any(any(folder.glob(name)) for name in kinds)]
    if _sees(folder) and not _holds(folder / PROCESSORS[0], "image_processor"):
        without = [name for name in PROCESSORS if not (folder / name).is_file()]
        if PROCESSORS[1] in without:
            lacking.append(" or ".join(without))
    return lacking


def _sees(folder: Path) -> bool:
    """Whether a folder's model is one for images."""
    return _holds(folder / "config.json", "vision_config")


def _holds(file: Path, key: str) -> bool:
    try:
        return key in json.loads(file.read_bytes())
    except (OSError, ValueError):
        return False


def _missing(model: str, place: str) -> str:
    folder = Path(place).absolute()
    if folder.is_dir():
        lacking = ", ".join(_lacking(folder))
        return (
            f"the folder {folder} lacks files of the model{lacking and f': {lacking}'}; "
            f"there should be {FILES}"
        )
    mirror = os.environ.get(MIRROR)
    named = f"which is {mirror}" if mirror else "a folder for models that is to be named first"
    return (
        f"the model {model} is not on this machine, and no hub gave it. Download {FILES}: "
        f"hf download {model} --local-dir ${MIRROR}/{model} (${MIRROR}: {named}); "
        "or name in mesh.yaml the folder that holds them"
    )


def _no_folder(model: str) -> str:
    folder = str(Path(model).absolute()) if model else model
    return (
        f"there is no folder {folder!r}, and {model!r} is no hub id either (OWNER/NAME): "
        f"name in mesh.yaml a folder that holds {FILES}"
    )
