"""What stands below a table: totals, sources, notes, and bytes that fill up the file."""

import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence

from dlcli.tables.readers.delimited.cells import kind_of
from dlcli.tables.readers.delimited.records import Record

LAST_LINES = 32
_FILLING = re.compile(rb"\s*[\x00\x1a][\x00\x1a\s]*\Z")
_NOTE = re.compile(
    r"\s*[\"'(*]*\s*(?:sources?\b|notes?\b|total\b|sum\b|grand total|\*|#|//|--|copyright|©|https?:|generated|exported"
    r"|updated|downloaded|retrieved|created|accessed|last updated|data (?:from|source|by)|end\b|eof\b|see\b|for more"
    r"|contact|\(?\d[\d,]* (?:rows?|records?|observations?)\b|(?:rows?|records?|n)\s*[:=])",
    re.IGNORECASE,
)
_TOTAL = re.compile(r"(?:grand |sub)?-?totals?:?|sum:?|overall:?", re.IGNORECASE)


def without_filling(block: bytes) -> bytes:
    """The last block of a file without the zeros, or the ^Z of DOS, at its end."""
    if block.rstrip(b" \r\n")[-1:] not in (b"\0", b"\x1a"):
        return block
    found = _FILLING.search(block, max(len(block) - (1 << 16), 0))
    return block[: found.start()] + b"\n" if found else block.rstrip(b"\0\x1a")


def last_lines(block: bytes, count: int) -> int:
    """Where the last ``count`` lines of a block begin, 0 where it has fewer."""
    end = len(block) - block.endswith(b"\n")
    for _ in range(count):
        end = block.rfind(b"\n", 0, end)
        if end < 0:
            return 0
    return end + 1


def with_last(blocks: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Each block, and whether it is the last one, which has at least 32 lines where the blocks together have."""
    held: deque[bytes] = deque()
    lines = 0  # in the blocks held, but for the first
    for block in blocks:
        if held:
            lines += _few_lines(block)
        held.append(block)
        while len(held) > 1 and lines >= LAST_LINES:
            yield held.popleft(), False
            lines -= _few_lines(held[0])
    if held:
        yield b"".join(held), True


def _few_lines(block: bytes) -> int:
    """The number of lines of a block, or at least 32."""
    return block.count(b"\n") if len(block) < 1 << 16 or not last_lines(block, LAST_LINES) else LAST_LINES


def footer_rows(records: Sequence[Record], kinds: Sequence[str], gap: bool) -> int:
    """How many of a file's last records are no rows of its table; ``gap``: a blank line stands before the last ones."""
    count = 0
    full = [r.row.fields for r in records if sum(bool(cell.strip()) for cell in r.row.fields) > 1]
    longest = max((len(fields[0].strip()) for fields in full), default=0)
    for record in reversed(records[-LAST_LINES:]):
        if not _is_footer(record, kinds, gap, longest):
            break
        count += 1
    return count if count < len(records) else 0


def _is_footer(record: Record, kinds: Sequence[str], gap: bool, longest: int) -> bool:
    cells = [cell.strip() for cell in record.row.fields]
    filled = [cell for cell in cells if cell]
    if not filled:
        return len(cells) <= 1
    if len(kinds) == 1:
        return kinds[0] in ("number", "date") and kind_of(cells[0]) == "text" and bool(_NOTE.match(record.text))
    if len(cells) == len(kinds) and _TOTAL.fullmatch(filled[0]) and filled[0] in cells[:2]:
        return True
    if len(cells) != len(kinds) and _NOTE.match(record.text):
        return True
    if len(filled) > 1 or not cells[0] or len(kinds) < 2:
        return False
    misfit = kinds[0] in ("number", "date") and kind_of(cells[0]) == "text"
    longer = len(cells) == len(kinds) >= 3 and " " in cells[0] and len(cells[0]) > longest
    return misfit or longer or bool(_NOTE.match(cells[0])) or (gap and len(cells) == 1 and " " in cells[0])
