"""Cutting a stream of bytes into blocks of whole records, and checking the records in a block."""

import codecs
import csv
import io
from collections.abc import Iterable, Iterator

import numpy as np

from dlcli.errors import DlcliError
from dlcli.text import counted, printable

BLOCK_BYTES = 16 << 20
# A record longer than this is a quotation mark that is never closed, or no table at all.
RECORD_BYTES = 64 << 20

csv.field_size_limit(RECORD_BYTES)


def as_utf8(pieces: Iterable[bytes], encoding: str, skip: int, label: str) -> Iterator[bytes]:
    """The pieces of a text, without its first ``skip`` bytes, as UTF-8.

    Raises DlcliError for bytes that aren't ``encoding``; UTF-8 itself is passed on unchecked, for speed.
    """
    decoder = codecs.getincrementaldecoder(encoding)()
    position = 0
    for piece in pieces:
        part = piece[max(skip - position, 0) :] if position < skip else piece
        position += len(piece)
        if encoding == "utf-8":
            yield part
            continue
        try:
            yield decoder.decode(part).encode()
        except UnicodeError:
            message = f"{label} is not {encoding} text (in the {len(piece)} bytes before byte {position})"
            raise DlcliError(message, "give its encoding, for example --encoding latin-1") from None
    try:
        decoder.decode(b"", final=True)
    except UnicodeError:
        raise DlcliError(f"{label} is not {encoding} text: it ends within a character", "fetch it again") from None


def unix_lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Old Macintosh text, whose lines end in a carriage return, with newlines instead."""
    return (piece.replace(b"\r", b"\n") for piece in pieces)


def cut_blocks(pieces: Iterable[bytes], quoted: bool, size: int = BLOCK_BYTES) -> Iterator[bytes]:
    """Blocks of about ``size`` bytes that end with a record; they depend on the pieces and ``size`` alone.

    A newline ends a record if the number of quotation marks before it is even; any newline does if not
    ``quoted``.
    """
    rest = b""  # the record that the blocks so far have not completed
    for piece in _sized(pieces, size):
        # Without quotes in the rest, the piece can be looked at alone, which saves a copy of it.
        if b'"' in rest:
            rest, piece = b"", rest + piece
        cut = record_end(piece, quoted)
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


def record_end(buffer: bytes, quoted: bool) -> int:
    """The length of the longest beginning of ``buffer`` that holds whole records only, 0 if there is none."""
    cut = buffer.rfind(b"\n") + 1
    if not quoted or not cut or b'"' not in buffer:
        return cut
    even = (buffer.count(b'"') - buffer.count(b'"', cut)) % 2 == 0
    while cut and not even:
        earlier = buffer.rfind(b"\n", 0, cut - 1) + 1
        even ^= buffer.count(b'"', earlier, cut) % 2 == 1
        cut = earlier
    return cut


def first_record_length(block: bytes) -> int:
    """The number of bytes of a block's first record and the blank lines before it, line end included."""
    start = len(block) - len(block.lstrip(b"\r\n"))
    end, quotes = start, 0
    while end < len(block):
        newline = block.find(b"\n", end) + 1 or len(block)
        quotes += block.count(b'"', end, newline)
        end = newline
        if quotes % 2 == 0:
            break
    return end


def count_delimiters(block: bytes, delimiter: str) -> int:
    """The number of delimiters outside quotes (quotes as in well-formed text)."""
    mark = delimiter.encode()
    if b'"' not in block:
        return block.count(mark)
    data = np.frombuffer(block, dtype=np.uint8)
    marks = np.flatnonzero(data == mark[0])
    quotes = np.flatnonzero(data == ord('"'))
    return int(np.count_nonzero(np.searchsorted(quotes, marks) % 2 == 0))


def has_blank_lines(block: bytes) -> bool:
    """Whether two line ends follow each other, or one begins the block."""
    return block.startswith((b"\n", b"\r\n")) or b"\n\n" in block or b"\n\r\n" in block


def checked_records(block: bytes, delimiter: str, fields: int, first_row: int, label: str, *, spaces: bool) -> bytes:
    """The block's records, every field quoted and blank lines gone, so that any parser reads them alike.

    Raises DlcliError naming the row for bytes that aren't UTF-8, for a row with too many or too few fields and
    for a quotation mark out of place. Slow: for blocks that the fast parser refuses, or whose rows look uneven.
    """
    text = _decoded(block, delimiter, first_row, label)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=spaces, strict=True)
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator="\n")
    row = first_row
    try:
        for record in reader:
            if not record:
                continue
            if len(record) != fields:
                found = counted(len(record), "field")
                hint = f"fix the row, or give the --delimiter if it isn't {delimiter!r}"
                raise DlcliError(f"{label}: row {row} has {found}, expected {fields}", hint)
            writer.writerow(record)
            row += 1
    except csv.Error as error:
        message = f"{label}: row {row} cannot be split into fields: {printable(str(error))}"
        raise DlcliError(message, 'close the quotes, and write a " inside a quoted field as ""') from None
    return out.getvalue().encode()


def _decoded(block: bytes, delimiter: str, first_row: int, label: str) -> str:
    try:
        return block.decode()
    except UnicodeDecodeError as error:
        before = io.StringIO(block[: error.start].decode(), newline="")
        # Counts the record that the bad byte is in too, unless it begins that record.
        rows = sum(bool(record) for record in csv.reader(before, delimiter=delimiter))
        row = first_row + rows - (block[error.start - 1 : error.start] != b"\n" and rows > 0)
        message = f"{label}: row {row} is not UTF-8 text (byte 0x{block[error.start]:02x})"
        raise DlcliError(message, "give its encoding, for example --encoding latin-1") from None
