"""A large PNG decoded in strips of rows: Pillow holds all of an image, and its pixels would be copied from there.

The file's own stream is inflated piece by piece. Each strip becomes a PNG in memory, which Pillow decodes: its first
row is the last one of the strip before, as the rows of a PNG are differences to those above.
"""

import io
import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

import numpy as np
from PIL import Image, ImageFile

SIGNATURE = b"\x89PNG\r\n\x1a\n"
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by the kind of color
COLORS = (b"PLTE", b"tRNS")  # chunks that decoding takes
OWN = (b"IHDR", b"IDAT", b"IEND", b"acTL", b"fcTL", b"fdAT")
PIECE = 1 << 18  # bytes of the file that are inflated at a time
LONGEST = 1 << 26  # bytes of a chunk beside the pixels


class StripsError(Exception):
    """A file that isn't decoded so: damaged, or of another kind."""


class Strips(NamedTuple):
    """``rows`` are images of the strips, from the top; ``shell`` has all that the file says beside its pixels.

    It is made when the rows have been read, by ``shell()``.
    """

    width: int
    height: int
    rows: Iterator[Image.Image]
    chunks: list[tuple[bytes, bytes]]
    start: bytes

    def shell(self) -> ImageFile.ImageFile:
        """An image of one row with the chunks of the file, loaded."""
        row = bytes(1 + self.width * CHANNELS[self.start[9]])
        image = Image.open(io.BytesIO(_png(self.start, row, self.chunks)), formats=("PNG",))
        image.load()
        return image


def png_strips(file: BinaryIO, pixels: int) -> Strips:
    """Those of a PNG of 8 bits that isn't interlaced, of about so many ``pixels`` each. Raises StripsError."""
    if file.read(8) != SIGNATURE:
        raise StripsError
    name, start = _chunk(file)
    if name != b"IHDR" or len(start) != 13:
        raise StripsError
    width, height, bits, kind, _, _, interlaced = struct.unpack(">IIBBBBB", start)
    if bits != 8 or interlaced or kind not in CHANNELS:
        raise StripsError
    chunks: list[tuple[bytes, bytes]] = []
    rows = _rows(file, start, chunks, max(pixels // max(width, 1), 1))
    return Strips(width, height, rows, chunks, start)


def _rows(file: BinaryIO, start: bytes, chunks: list[tuple[bytes, bytes]], step: int) -> Iterator[Image.Image]:
    width, height, _, kind = struct.unpack(">IIBB", start[:10])
    length = 1 + width * CHANNELS[kind]
    stream = _Inflated(file, chunks)
    above = b""
    for top in range(0, height, step):
        count = min(step, height - top)
        data = above + stream.read(count * length)
        colors = [one for one in chunks if one[0] in COLORS]
        strip: Image.Image = Image.open(io.BytesIO(_png(start, data, colors)), formats=("PNG",))
        strip.load()
        above = bytes(1) + np.asarray(strip.crop((0, strip.height - 1, width, strip.height))).tobytes()
        yield strip.crop((0, strip.height - count, width, strip.height)) if strip.height > count else strip
    stream.finish()


class _Inflated:
    """The rows of the file's IDAT chunks; the others go to ``chunks``."""

    def __init__(self, file: BinaryIO, chunks: list[tuple[bytes, bytes]]) -> None:
        self.file, self.chunks, self.left = file, chunks, 0
        self.inflate = zlib.decompressobj()
        self.next()

    def next(self) -> bool:
        """Go to the next IDAT chunk; False where there is none."""
        while True:
            head = self.file.read(8)
            if len(head) < 8:
                raise StripsError
            length, name = struct.unpack(">I4s", head)
            if name == b"IEND":
                return False
            if name == b"IDAT":
                self.left = length
                return True
            if name not in OWN:
                self.chunks.append((name, _data(self.file, length)))
            else:
                raise StripsError

    def piece(self) -> bytes:
        """More of the compressed bytes, none at their end."""
        while not self.left:
            if not self.next():
                return b""
        data = self.file.read(min(self.left, PIECE))
        self.left -= len(data)
        if not data:
            raise StripsError
        if not self.left:
            self.file.read(4)  # the sum that Pillow doesn't check either
        return data

    def read(self, count: int) -> bytes:
        made = bytearray()
        while len(made) < count:
            data = self.inflate.unconsumed_tail or self.piece()
            if not data or self.inflate.eof:
                raise StripsError
            made += self.inflate.decompress(data, count - len(made))
        return bytes(made)

    def finish(self) -> None:
        """Read on to the file's end, for the chunks behind the pixels."""
        while self.piece():
            pass


def _chunk(file: BinaryIO) -> tuple[bytes, bytes]:
    head = file.read(8)
    if len(head) < 8:
        raise StripsError
    length, name = struct.unpack(">I4s", head)
    return name, _data(file, length)


def _data(file: BinaryIO, length: int) -> bytes:
    """A chunk's, whose sum is read and left to Pillow."""
    data = file.read(length) if length <= LONGEST else b""
    if len(data) < length or len(file.read(4)) < 4:
        raise StripsError
    return data


def _png(start: bytes, rows: bytes, chunks: list[tuple[bytes, bytes]]) -> bytes:
    """A PNG of these ``rows``, as they are filtered, under the header ``start``; not compressed."""
    width, _ = struct.unpack(">II", start[:8])
    height = len(rows) // (1 + width * CHANNELS[start[9]])
    head = start[:4] + struct.pack(">I", height) + start[8:]
    every = [(b"IHDR", head), *chunks, (b"IDAT", zlib.compress(rows, 0)), (b"IEND", b"")]
    return SIGNATURE + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(data, zlib.crc32(name)))
        for name, data in every
    )
