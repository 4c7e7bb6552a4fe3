"""Image files to pixels."""

from typing import TYPE_CHECKING

import numpy as np

from convoy import Batch, ConvoyError, Tensor
from convoy.tensor import Index, ascending
from convoy_services.mesh.column import Column, Columns
from convoy_services.mesh.stage import Divisible, Preprocess

if TYPE_CHECKING:
    from numpy.typing import NDArray


SAME = 16
"""Rows of one image in a part: as many as a call may ask for completions."""


class Decode(Preprocess, Divisible):
    """Image files to pixels: image BYTES [] → pixels UINT8 [-1], height INT32 [], width INT32 [].

    The pixels of a row are those of its lines from the top, each three bytes: red, green, blue.
    PNG, JPEG, WebP, GIF, BMP and TIFF are taken; a row that is none, or exceeds a limit, is
    refused alone. Nothing is fetched: the bytes are the image, never its address.
    """

    consumes = Columns(image=Column("BYTES"))
    produces = Columns(pixels=Column("UINT8", [-1]), height=Column("INT32"), width=Column("INT32"))

    def __init__(
        self,
        *,
        max_bytes: int = 20 * 1024 * 1024,
        max_pixels: int = 50_000_000,
        max_side: int = 1024,
    ) -> None:
        """Take the limits; an image whose longer side exceeds ``max_side`` is made smaller."""
        for name, value in (("bytes", max_bytes), ("pixels", max_pixels), ("side", max_side)):
            if value < 1:
                raise ValueError(f"max_{name} {value}: at least 1")
        self._max = {"max_bytes": max_bytes, "max_pixels": max_pixels, "max_side": max_side}

    def load(self) -> None:
        """Bring in the decoder."""
        from convoy_services.captioning.image import Limits, decode, trust_own_limits

        trust_own_limits()
        self._limits = Limits(**self._max)
        self._decode = decode

    def cut(self, batch: Batch) -> list[Index]:
        """Cut into one image each, with some of the rows that have the same: those of one call."""
        rows: dict[bytes, list[int]] = {}
        for row, data in enumerate(batch["image"].elements()):
            rows.setdefault(data, []).append(row)
        return [
            np.array(same[start : start + SAME])
            for same in rows.values()
            for start in range(0, len(same), SAME)
        ]

    def process(self, batch: Batch) -> Batch:
        """Decode one image after the other, each once."""
        failures: dict[int, ConvoyError] = {}
        images: list[NDArray[np.uint8]] = []
        found: dict[bytes, NDArray[np.uint8] | ConvoyError] = {}
        for row, data in enumerate(batch["image"].elements()):
            if data not in found:
                found[data] = self._image(data)
            image = found[data]
            if isinstance(image, ConvoyError):
                failures[row] = image
                image = np.zeros((0, 0, 3), np.uint8)
            images.append(image)
        pixels = Tensor(
            datatype=self.produces["pixels"].datatype,
            rows=batch.rows,
            shape=(-1,),
            data=np.concatenate([image.reshape(-1) for image in images]),
            splits=ascending([image.size for image in images]),
        )
        return self.produces.pack(
            rows=batch.rows,
            failures=failures,
            pixels=pixels,
            height=np.array([image.shape[0] for image in images], np.int32),
            width=np.array([image.shape[1] for image in images], np.int32),
        )

    def _image(self, data: bytes) -> "NDArray[np.uint8] | ConvoyError":
        try:
            return self._decode(data, self._limits)
        except ConvoyError as error:
            return error
