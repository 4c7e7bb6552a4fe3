"""CaptioningService with a tiny model of the real format, over real sockets."""

import asyncio
import io
from collections.abc import AsyncIterator

import pytest
from PIL import Image

from convoy import Client, Code, ConvoyError
from convoy_services.local.mesh import LocalMesh

TIMEOUT = 60.0
GREEDY = {"temperature": 0.0, "ignore_eos": True, "max_tokens": 8}


@pytest.fixture
async def client(mesh: LocalMesh) -> AsyncIterator[Client]:
    async with Client(mesh.target, timeout=TIMEOUT) as client:
        yield client


def picture(width: int, height: int, colour: str, kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(file, kind)
    return file.getvalue()


PICTURES = [
    picture(40, 30, "red"),
    picture(30, 90, "green", "JPEG"),
    picture(200, 20, "blue", "WEBP"),
    picture(64, 64, "white", "GIF"),
]


async def test_images_together_are_told_about_as_each_alone(client: Client) -> None:
    alone = [(await client.caption(image, "What?", sampling=GREEDY)) for image in PICTURES]
    together = await asyncio.gather(
        *(client.caption(image, "What?", sampling=GREEDY) for image in PICTURES * 2)
    )
    assert [one.completions for one in together] == [one.completions for one in alone] * 2
    assert len({one.completions[0].text for one in alone}) > 1
    assert all(one.usage.completion_tokens == 8 for one in alone)


async def test_a_stream_gives_the_same_text_piece_by_piece(client: Client) -> None:
    whole = await client.caption(PICTURES[0], sampling=GREEDY)
    *pieces, last = [piece async for piece in client.caption_stream(PICTURES[0], sampling=GREEDY)]
    text = "".join(chunk.text for piece in pieces for chunk in piece.chunks)
    assert text == whole.completions[0].text
    assert last.usage == whole.usage


async def test_a_seed_repeats(client: Client) -> None:
    asked = {**GREEDY, "temperature": 1.0, "seed": 3, "n": 2}
    first, second = [await client.caption(PICTURES[0], sampling=asked) for _ in range(2)]
    assert first.completions == second.completions
    assert first.completions[0].text != first.completions[1].text


@pytest.mark.parametrize(
    ("image", "says"),
    [
        (b"", "no image"),
        (b"GIF89a", "image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image"),
        (PICTURES[1][:200], "image"),
        (picture(9000, 9000, "red"), "pixels"),
    ],
)
async def test_what_is_no_image_is_refused_alone(client: Client, image: bytes, says: str) -> None:
    good = asyncio.create_task(client.caption(PICTURES[0], sampling=GREEDY))
    with pytest.raises(ConvoyError, match=says) as caught:
        await client.caption(image, sampling=GREEDY)
    assert caught.value.code is Code.INVALID_ARGUMENT
    assert [violation.field for violation in caught.value.violations] == ["image"]
    assert (await good).completions[0].text


async def test_a_stream_that_is_left_lets_others_go_on(client: Client) -> None:
    asked = {**GREEDY, "max_tokens": 300}
    stream = client.caption_stream(PICTURES[0], sampling=asked)
    await anext(stream)
    await stream.aclose()
    assert (await client.caption(PICTURES[1], sampling=GREEDY)).completions[0].text
