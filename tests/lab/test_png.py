"""Our PNG files, read by another library."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from perflab.lab.png import encode


@pytest.mark.parametrize(("height", "width"), [(1, 1), (3, 7), (350, 550)])
def test_pixels_survive_the_way_through_a_png(height: int, width: int) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (height, width, 4), dtype=np.uint8)
    with Image.open(io.BytesIO(encode(pixels))) as image:
        image.verify()
    with Image.open(io.BytesIO(encode(pixels))) as image:
        assert image.mode == "RGBA"
        assert (np.asarray(image) == pixels).all()


def test_a_slice_of_a_larger_canvas_is_encoded_as_it_looks() -> None:
    canvas = np.random.default_rng(2).integers(0, 256, (20, 20, 4), dtype=np.uint8)
    part = canvas[5:15, 3:9]
    with Image.open(io.BytesIO(encode(part))) as image:
        assert (np.asarray(image) == part).all()
