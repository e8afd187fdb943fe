"""JSON lines to frames, block by block."""

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import polars as pl

from dlcli.errors import DlcliError
from dlcli.files import JsonObject
from dlcli.tables.columns import Kinds, ReadOptions
from dlcli.tables.decisions import Decision
from dlcli.tables.names import Hints
from dlcli.tables.readers import blocks
from dlcli.tables.readers.delimited.encodings import as_utf8, is_utf8, recognize_encoding, tolerant_utf8
from dlcli.tables.readers.frames import SAMPLE_ROWS, Frame, Reader, UnevenBlockError
from dlcli.tables.sources import Source, byte_pieces
from dlcli.text import listed, printable

HEAD_BYTES = 4 << 20


class JsonLinesReader(Reader):
    """A file with one JSON object a line; its columns are the keys among the first 10,000 rows."""

    def __init__(self, source: Source, options: ReadOptions, block_bytes: int = blocks.BLOCK_BYTES) -> None:
        self.label = source.label
        self.warnings = []
        self.decisions: list[Decision] = []
        self._late: set[str] = set()
        self._source = source
        self._choosing = options.hints.choosing
        self._block_bytes = block_bytes
        start = next(byte_pieces(source, HEAD_BYTES), b"")
        self._encoding = recognize_encoding(start, options.encoding, self.label)
        if self._encoding.guessed:
            self._decide_encoding(self._encoding.codec)
        head = next(self._blocks(HEAD_BYTES), b"")
        self._head = self._objects(head, 1, SAMPLE_ROWS)
        self.names = list(dict.fromkeys(key for row in self._head for key in row))
        if not self.names:
            raise DlcliError(f"{self.label} has no rows", "give a file with a JSON object on every line")

    def _blocks(self, size: int) -> Iterator[bytes]:
        text = as_utf8(byte_pieces(self._source, size), self._encoding, self.label)
        for block in blocks.cut_blocks(text, b"", size):
            if is_utf8(block) or self._encoding.given:
                yield block
            else:
                self._decide_encoding("cp1252")
                yield tolerant_utf8(block)

    def _decide_encoding(self, codec: str) -> None:
        decision = Decision(f"{self.label} is not UTF-8 text: read as {codec}", f"--encoding {codec}")
        if decision not in self.decisions:
            self.decisions.append(decision)

    def _objects(self, block: bytes, first_row: int, limit: int | None = None) -> list[JsonObject]:
        """The objects on a block's lines, blank ones left out; raises DlcliError naming a row that isn't one."""
        rows: list[JsonObject] = []
        for line in block.split(b"\n"):
            if not line.strip():
                continue
            where = f"{self.label}: row {first_row + len(rows)}"
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise DlcliError(f"{where} is not JSON: {printable(str(error))}", "fix the line") from None
            if not isinstance(row, dict):
                raise DlcliError(f"{where} is not a JSON object", 'every line must be one, as in {"x": 1.5}')
            rows.append(row)
            if len(rows) == limit:
                break
        return rows

    def sample(self, names: list[str]) -> pl.DataFrame:
        """Up to 10,000 first rows as strings, (rows, columns)."""
        return self._as_texts(self._head, names, 1)

    def _as_texts(self, rows: list[JsonObject], names: list[str], first_row: int) -> pl.DataFrame:
        columns = {name: [self._text(row.get(name), name, first_row + i) for i, row in enumerate(rows)]
                   for name in names}  # fmt: skip
        return pl.DataFrame(columns, schema=dict.fromkeys(names, pl.String))

    def _text(self, value: object, name: str, row: int) -> str | None:
        if value is None or isinstance(value, str):
            return value
        if isinstance(value, (dict, list)):
            message = f"{self.label}: column '{printable(name)}', row {row} holds a list or an object"
            hint = Hints(tuple(self.names)).drop(name) if self._choosing else "write a number or a text there"
            raise DlcliError(message, hint)
        return str(value).lower() if isinstance(value, bool) else repr(value)

    def _say_late_keys(self, block: bytes, rows: int, first_row: int) -> None:
        """Warn, once a key, of those that the first 10,000 rows don't have: they are no columns."""
        # As many keys as there should be, so none is missing and none is new: the usual case, at a glance.
        if block.count(b'":') == rows * len(self.names):
            return
        try:
            keys = pl.read_ndjson(block, infer_schema_length=None).columns
        except (pl.exceptions.PolarsError, ValueError):
            keys = list(dict.fromkeys(key for item in self._objects(block, first_row) for key in item))
        late = [key for key in keys if key not in self.names and key not in self._late]
        if late:
            self._late.update(late)
            self.warnings.append(
                f"{self.label}: keys that the first {SAMPLE_ROWS:,} rows don't have are left out: {listed(late)}; to "
                "take them as columns, name them in the first row, with null"
            )

    def raw_frames(self, kinds: Kinds) -> Iterator[Frame]:
        """All rows, numbers as Float64 where their block allows it."""
        schema = _schema(kinds)
        row = 1
        for block in self._blocks(self._block_bytes):
            if not block.strip():
                continue
            try:
                data = pl.read_ndjson(block, schema=schema)
            except (pl.exceptions.PolarsError, ValueError):
                data = self._as_texts(self._objects(block, row), list(kinds), row)
            self._say_late_keys(block, data.height, row)
            yield Frame(data, self.label, row)
            row += data.height

    def parts(self, kinds: Kinds, mine: Callable[[int], bool]) -> Iterator[Frame | None]:
        """The frames of the blocks whose numbers are ``mine``, and None for each other one."""
        if self.whole:
            yield from super().parts(kinds, mine)
            return
        for number, block in enumerate(self._blocks(self._block_bytes)):
            if not mine(number):
                yield None
                continue
            try:
                data = pl.read_ndjson(block, schema=_schema(kinds)) if block.strip() else pl.DataFrame()
            except (pl.exceptions.PolarsError, ValueError):
                raise UnevenBlockError from None  # what is wrong is said with the number of its row
            self._say_late_keys(block, data.height, 1)
            yield Frame(data, self.label, 1)

    def found(self) -> Any:
        """What there is to say of the blocks."""
        return [self.warnings, [[one.what, one.settle] for one in self.decisions]]

    def conclude(self, found: Sequence[Any]) -> None:
        """Say what any process has to say."""
        self.warnings[:] = dict.fromkeys(line for lines, _ in found for line in lines)
        self.decisions[:] = dict.fromkeys(Decision(*one) for _, decisions in found for one in decisions)


def _schema(kinds: Kinds) -> dict[str, type[pl.DataType]]:
    types: dict[str, type[pl.DataType]] = {"number": pl.Float64, "boolean": pl.Boolean, "text": pl.String}
    return {name: types[kind] for name, kind in kinds.items()}
