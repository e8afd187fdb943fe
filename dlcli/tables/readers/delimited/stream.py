"""A delimited file as a stream of blocks of whole records, ready for a fast parser of CSV."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from dlcli.tables.readers import blocks
from dlcli.tables.readers.delimited.around import drop_comments, drop_lines
from dlcli.tables.readers.delimited.encodings import Encoding, as_utf8, unix_lines
from dlcli.tables.readers.delimited.footer import with_last
from dlcli.tables.readers.delimited.records import Records
from dlcli.tables.readers.delimited.syntax import BLANKS, Syntax
from dlcli.tables.sources import Source, byte_pieces

HEAD_BYTES = 4 << 20
LEAST_LINES = 20
RECORDS_AT_ONCE = 10_000


@dataclass(frozen=True)
class TextStream:
    """A source as UTF-8 with Unix lines.

    ``skip`` lines are left out, then those that begin with ``comment``, then ``before`` more. With ``returns`` a
    carriage return ends a line too; ``zeros``: zero bytes within the text don't count.
    """

    source: Source
    encoding: Encoding
    returns: bool = False
    zeros: bool = False
    skip: int = 0
    comment: str = ""
    before: int = 0

    def pieces(self, size: int) -> Iterator[bytes]:
        """The text in pieces of about ``size`` bytes."""
        text = as_utf8(byte_pieces(self.source, size), self.encoding, self.source.label)
        if self.zeros:
            text = (piece.replace(b"\0", b"") for piece in text)
        if self.returns:
            text = unix_lines(text)
        if self.skip:
            text = drop_lines(text, self.skip)
        if self.comment:
            text = drop_comments(text, self.comment.encode())
        return drop_lines(text, self.before) if self.before else text

    def head(self) -> bytes:
        """The first whole lines of the text: about 4 MB of them, or 20."""
        text = replace(self, skip=0, comment="", before=0)
        head, ended = b"", True
        for piece in text.pieces(HEAD_BYTES):
            head += piece
            if len(head) >= HEAD_BYTES and (
                head.count(b"\n", 0, HEAD_BYTES // 8) >= LEAST_LINES
                or head.count(b"\n") >= LEAST_LINES
                or len(head) > blocks.RECORD_BYTES
            ):
                ended = False
                break
        return head if ended else head[: head.rfind(b"\n") + 1] or head

    def blocks(self, size: int, syntax: Syntax) -> Iterator[tuple[bytes, bool]]:
        """Blocks of about ``size`` bytes, and whether each is the last; odd rows written as ``normal`` ones."""
        text = self.pieces(size)
        if not syntax.is_plain:
            text = normalized(text, syntax)
        return with_last(blocks.cut_blocks(text, syntax.quote.encode(), size))


def normalized(pieces: Iterator[bytes], syntax: Syntax) -> Iterator[bytes]:
    """Rows of any syntax written again as the fast parser reads them; whole records at a time, blank lines kept."""
    quote, mark = syntax.quote.encode(), syntax.normal.delimiter.encode()
    lines = _whole_lines(pieces)
    for block in lines:
        simple = not (quote and quote in block) and not syntax.escape and not syntax.skip_space
        if simple and syntax.delimiter != BLANKS:
            yield block.replace(syntax.delimiter.encode(), mark)
        elif simple:
            yield _blanks_as(block, mark)
        else:
            yield from _rewritten(block, lines, syntax)


def _rewritten(block: bytes, following: Iterator[bytes], syntax: Syntax) -> Iterator[bytes]:
    """A block's records, and those of the blocks that its last record reaches into."""
    records = Records(_lines(block), syntax, None, lambda: _lines(next(following, b"")))
    out: list[str] = []
    while records.pending and (record := records.read()):
        out.append(syntax.normal.write(record.row.fields))
        if len(out) == RECORDS_AT_ONCE:
            yield "".join(out).encode(errors="surrogateescape")
            out.clear()
    yield "".join(out).encode(errors="surrogateescape")


def _lines(block: bytes) -> list[str]:
    text = block.decode(errors="surrogateescape")
    return text.removesuffix("\n").split("\n") if text else []


def _whole_lines(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The same text in pieces that end with lines."""
    rest = b""
    for piece in pieces:
        end = piece.rfind(b"\n") + 1
        if end:
            yield rest + piece[:end]
            rest = piece[end:]
        else:
            rest += piece
    if rest:
        yield rest


def _blanks_as(block: bytes, mark: bytes) -> bytes:
    """Lines with each run of blanks as one ``mark``, and none at their ends."""
    block = block.replace(b"\t", b" ").replace(b"\r\n", b"\n")
    while b"  " in block:
        block = block.replace(b"  ", b" ")
    return block.replace(b"\n ", b"\n").replace(b" \n", b"\n").strip(b" ").replace(b" ", mark)
