"""Pixels to PNG, fast enough to be done while a finger drags a slider.

A chart is mostly white. Without row filters and at zlib's lowest level it is packed 3 to 4 times faster than by Pillow's
lowest level and grows by a few percent only (`make bench` shows both).
"""

from __future__ import annotations

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

SIGNATURE = b"\x89PNG\r\n\x1a\n"
EIGHT_BIT_RGBA = (8, 6, 0, 0, 0)


def encode(rgba: NDArray[np.uint8]) -> bytes:
    """A PNG file of `rgba`, an array of shape (height, width, 4). Source: the PNG specification (ISO/IEC 15948)."""
    height, width, channels = rgba.shape
    rows = np.empty((height, 1 + width * channels), np.uint8)
    rows[:, 0] = 0  # filter type "none"
    rows[:, 1:] = rgba.reshape(height, -1)
    header = struct.pack(">IIBBBBB", width, height, *EIGHT_BIT_RGBA)
    return SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(rows.data, 1)) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
