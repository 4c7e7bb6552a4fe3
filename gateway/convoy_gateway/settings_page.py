"""The reference page of all settings: ``python -m convoy_gateway.settings_page``."""

from collections.abc import Iterator

from pydantic import ByteSize

from convoy_gateway.settings import PREFIX, Settings

HEAD = """# Settings of the gateway

Each is a flag and an environment variable; flags win. A wrong one is refused at the start, by its
name. [gateway.md](gateway.md) tells what they are for.

| flag | variable | default | meaning |
|---|---|---|---|
"""


def page() -> str:
    """Give the page, in Markdown."""
    return HEAD + "".join(_rows())


def _rows() -> Iterator[str]:
    for name, field in Settings.model_fields.items():
        default = field.default
        text = default.human_readable() if isinstance(default, ByteSize) else str(default)
        flag = name.replace("_", "-")
        variable = PREFIX + name.upper()
        meaning = (field.description or "").replace("\n", " ")
        yield f"| `--{flag}` | `{variable}` | {f'`{text}`' if text else ''} | {meaning} |\n"


if __name__ == "__main__":
    print(page(), end="")
