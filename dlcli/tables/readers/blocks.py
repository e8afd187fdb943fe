"""Cutting a stream of bytes into blocks of whole records."""

import re
from collections.abc import Iterable, Iterator

import numpy as np

BLOCK_BYTES = 16 << 20
# A record longer than this is a quotation mark that is never closed, or no table at all.
RECORD_BYTES = 64 << 20
BLANK_LINES = re.compile(rb"(?:(?<=\n)|\A)(?:[ \t]*\r?\n)+")


def cut_blocks(pieces: Iterable[bytes], quote: bytes, size: int = BLOCK_BYTES) -> Iterator[bytes]:
    """Blocks of about ``size`` bytes that end with a record; they depend on the pieces and ``size`` alone.

    A newline ends a record if the number of quotation marks before it is even; any newline does if there is no
    ``quote``.
    """
    rest = b""  # the record that the blocks so far have not completed
    for piece in _sized(pieces, size):
        # Without quotes in the rest, the piece can be looked at alone, which saves a copy of it.
        if quote and quote in rest:
            rest, piece = b"", rest + piece
        cut = record_end(piece, quote)
        if not cut and len(rest) + len(piece) > RECORD_BYTES:
            cut = piece.rfind(b"\n") + 1 or len(piece)
        if cut:
            yield b"".join((rest, memoryview(piece)[:cut]))
            rest = piece[cut:]
        else:
            rest += piece
    if rest:
        yield rest


def _sized(pieces: Iterable[bytes], size: int) -> Iterator[bytes]:
    """The same bytes in pieces of at most ``size``."""
    for piece in pieces:
        if len(piece) <= size:
            yield piece
        else:
            yield from (piece[i : i + size] for i in range(0, len(piece), size))


def record_end(buffer: bytes, quote: bytes) -> int:
    """The length of the longest beginning of ``buffer`` that holds whole records only, 0 if there is none."""
    cut = buffer.rfind(b"\n") + 1
    if not quote or not cut or quote not in buffer:
        return cut
    even = (buffer.count(quote) - buffer.count(quote, cut)) % 2 == 0
    while cut and not even:
        earlier = buffer.rfind(b"\n", 0, cut - 1) + 1
        even ^= buffer.count(quote, earlier, cut) % 2 == 1
        cut = earlier
    return cut


def count_delimiters(block: bytes, delimiter: str, quote: bytes) -> int:
    """The number of delimiters outside quotes (quotes as in well-formed text)."""
    mark = delimiter.encode()
    if not quote or quote not in block:
        return block.count(mark)
    data = np.frombuffer(block, dtype=np.uint8)
    marks = np.flatnonzero(data == mark[0])
    quotes = np.flatnonzero(data == quote[0])
    return int(np.count_nonzero(np.searchsorted(quotes, marks) % 2 == 0))


def has_blank_lines(block: bytes) -> bool:
    """Whether two line ends follow each other, or one begins the block."""
    return block.startswith((b"\n", b"\r\n")) or b"\n\n" in block or b"\n\r\n" in block
