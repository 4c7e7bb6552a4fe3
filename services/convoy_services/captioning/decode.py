"""Image files to pixels."""

from typing import TYPE_CHECKING

import numpy as np

from convoy import Batch, ConvoyError, Tensor
from convoy.tensor import ascending
from convoy_services.mesh.column import Column, Columns
from convoy_services.mesh.stage import Preprocess

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Decode(Preprocess):
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

    def process(self, batch: Batch) -> Batch:
        """Decode one image after the other."""
        failures: dict[int, ConvoyError] = {}
        images: list[NDArray[np.uint8]] = []
        for row, data in enumerate(batch["image"].elements()):
            try:
                images.append(self._decode(bytes(data), self._limits))
            except ConvoyError as error:
                failures[row] = error
                images.append(np.zeros((0, 0, 3), np.uint8))
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
