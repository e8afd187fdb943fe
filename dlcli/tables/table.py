"""Tables: files in, chunks of a float64 matrix and a target out."""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl

from dlcli.errors import DlcliError
from dlcli.tables.columns import (
    BoolArray,
    Chunk,
    Column,
    FloatArray,
    IntArray,
    Kind,
    ReadOptions,
    Schema,
)
from dlcli.tables.disguises import DECIMAL_COMMA, Disguise, disguise_of
from dlcli.tables.encoder import Encoder
from dlcli.tables.names import Hints, default_target, find_name
from dlcli.tables.readers.blocks import BLOCK_BYTES
from dlcli.tables.readers.columnar import ArrayReader, ColumnarReader
from dlcli.tables.readers.csv_reader import DelimitedReader
from dlcli.tables.readers.frames import Frame, Reader, infer_kinds, prefetch, present_texts
from dlcli.tables.readers.jsonl_reader import JsonLinesReader
from dlcli.tables.sources import Source, expand
from dlcli.text import listed, printable

__all__ = ["Chunk", "Column", "FloatArray", "IntArray", "ReadOptions", "Schema", "Table"]

MISSING_POLICIES = ("error", "drop", "mean")


def open_reader(source: Source, options: ReadOptions, block_bytes: int = BLOCK_BYTES) -> Reader:
    """The reader for a source's format; text is read in blocks of about ``block_bytes``."""
    if source.format == "delimited":
        return DelimitedReader(source, options, block_bytes)
    if source.format == "jsonl":
        return JsonLinesReader(source, options, block_bytes)
    if source.format in ("parquet", "arrow"):
        return ColumnarReader(source)
    return ArrayReader(source)


class Table:
    """Rows of one file or more with the columns that a model needs.

    ``columns`` are the names of all columns, ``features`` those used, ``target`` the target (None if it isn't
    wanted), ``dropped`` the number of rows that the last pass left out.
    """

    def __init__(
        self,
        readers: Sequence[Reader],
        features: Sequence[Column],
        target: Column | None,
        options: ReadOptions,
        *,
        fixed: bool,
        classes: bool,
    ) -> None:
        self._readers = list(readers)
        self._options = options
        self._fixed = fixed
        self._classes = classes
        self._columns = tuple(features)
        self.target = target
        self.files: tuple[tuple[str, Path], ...] = ()
        self.columns = list(readers[0].names)
        self.features = [column.name for column in features]
        self._notes: list[str] = []
        self._encoder = self._new_encoder()
        self._whole = False

    @classmethod
    def open(
        cls,
        sources: Sequence[str],
        target: str | None,
        options: ReadOptions,
        *,
        class_target: bool = False,
        block_bytes: int = BLOCK_BYTES,
    ) -> "Table":
        """The table in ``sources`` (paths, patterns or "-"), for training.

        ``class_target`` takes a numeric target as classes. Raises DlcliError for what cannot be read or used.
        """
        readers, files, options = _opened(sources, options, choosing=True, block_bytes=block_bytes)
        table = _for_training(readers, target, options, class_target)
        table.files = files
        return table

    @classmethod
    def for_model(
        cls,
        sources: Sequence[str],
        schema: Schema,
        options: ReadOptions,
        *,
        need_target: bool = True,
        block_bytes: int = BLOCK_BYTES,
    ) -> "Table":
        """The table in ``sources`` with the columns of the model of ``schema``; without ``need_target`` no target.

        Raises DlcliError for what cannot be read or used.
        """
        readers, files, options = _opened(sources, options, choosing=False, block_bytes=block_bytes)
        table = _for_model(readers, options, schema, need_target)
        table.files = files
        return table

    def has_whole_beyond(self, name: str, limit: float) -> bool:
        """Whether a column has whole numbers (not fractions or powers) of at least ``limit`` in its first rows."""
        column = self._readers[0].sample([name]).get_column(name)
        if column.dtype == pl.String:
            column = column.filter(column.str.contains(r"^\s*[-+]?\d+\s*$")).str.strip_chars()
        elif not column.dtype.is_integer():
            return False
        return bool((column.cast(pl.Float64).abs() >= limit).any())

    def target_values(self) -> list[float]:
        """The different numbers of the target in the first rows, at most 21 of them, sorted."""
        assert self.target is not None
        column = self._readers[0].sample([self.target.name]).get_column(self.target.name)
        if column.dtype == pl.String:
            column = column.str.strip_chars()
        values = column.cast(pl.Float64, strict=False).drop_nulls().unique()
        return sorted(values.drop_nans().to_list())[:21]

    def _new_encoder(self) -> Encoder:
        return Encoder(self._columns, self.target, self._options, fixed=self._fixed, classes=self._classes)

    @property
    def warnings(self) -> list[str]:
        """Lines for the user: what was found when opening, reading and finishing."""
        found = [[*reader.warnings, *(decision.what for decision in reader.decisions)] for reader in self._readers]
        return [*(line for lines in found for line in lines), *self._notes, *self._encoder.warnings]

    @property
    def dropped(self) -> int:
        """The number of rows that the latest pass left out for missing values."""
        return self._encoder.dropped

    def chunks(self) -> Iterator[Chunk]:
        """All rows as chunks, from the start at every call; raises DlcliError for a row that is of no use.

        After a whole pass X has all columns from the start, in the same places.
        """
        self._encoder = encoder = self._encoder.again() if self._whole and not self._fixed else self._new_encoder()
        frames = prefetch(self._frames())
        any_rows = False
        try:
            for frame in frames:
                any_rows = True
                yield from encoder.encode(frame)
        finally:
            frames.close()
        if not any_rows:
            label = self._readers[0].label
            text = isinstance(self._readers[0], DelimitedReader)
            hint = "if the first row is data, use --no-header" if text else "give a file with rows"
            raise DlcliError(f"{label}: there are no rows of data", hint)
        self._whole = True

    def _frames(self) -> Iterator[Frame]:
        kinds: dict[str, Kind] = {column.name: column.kind for column in self._columns}
        if self.target is not None:
            kinds[self.target.name] = self.target.kind
        for reader in self._readers:
            yield from reader.frames(kinds, self._options)

    def raw_types(self, names: Sequence[str]) -> dict[str, pl.DataType]:
        """The types of columns in the first file."""
        return dict(self._readers[0].sample(list(names)).schema)

    def raw_columns(self, names: Sequence[str]) -> Generator[pl.DataFrame, None, None]:
        """All rows of columns as their source has them (text files: texts), from the start; in pieces of any length."""
        for reader in self._readers:
            for frame in reader.raw_frames(dict.fromkeys(names, "text")):
                data = frame.data.select(names)
                yield data.fill_null("") if isinstance(reader, DelimitedReader) else data

    def places(self) -> IntArray:
        """X's columns so far (w,) in an order that has nothing to do with the rows': by feature, then by level."""
        return self._encoder.places()

    def anchors(self) -> IntArray:
        """For each column of X (w,), the one that is NaN, from the first chunk on, where its value is missing."""
        return self._encoder.anchors()

    def finish(self, seen: BoolArray | None = None) -> tuple[Schema, IntArray, IntArray | None]:
        """The schema, X's column for each of its encoded names, and the sorted code for each class code in y.

        To be called after a whole pass. The second is (len(encoded_names),); the third is (classes,), None for a
        target that is a number. A level whose column of X is not ``seen`` (w,) isn't counted among a text's levels.

        Raises DlcliError if no rows are left or a feature has no values.
        """
        return self._encoder.finish(self._readers[0].label, seen)


def _opened(
    sources: Sequence[str], options: ReadOptions, *, choosing: bool, block_bytes: int
) -> tuple[list[Reader], tuple[tuple[str, Path], ...], ReadOptions]:
    """A reader of each source, their names and paths, and the options with hints for the columns found."""
    if options.missing not in MISSING_POLICIES:
        raise DlcliError(f"--missing {printable(options.missing)} is unknown", "use error, drop or mean")
    if options.max_categories < 2:
        raise DlcliError(f"--max-categories {options.max_categories} is too few", "use 2 or more")
    files = expand(sources)
    options = replace(options, hints=Hints(choosing=choosing))
    readers = [open_reader(source, options, block_bytes) for source in files]
    _check_same_columns(readers)
    options = replace(options, hints=replace(options.hints, names=tuple(readers[0].names)))
    return readers, tuple((source.label, source.path) for source in files), options


def _check_same_columns(readers: Sequence[Reader]) -> None:
    first = readers[0]
    for other in readers[1:]:
        lacking = [name for name in first.names if name not in set(other.names)]
        extra = [name for name in other.names if name not in set(first.names)]
        if lacking or extra:
            parts = [f"lacks {listed(lacking)}"] * bool(lacking) + [f"also has {listed(extra)}"] * bool(extra)
            message = f"{other.label} has other columns than {first.label}: it {' and '.join(parts)}"
            raise DlcliError(message, "give files with the same columns, in any order")


def _for_training(readers: Sequence[Reader], target: str | None, options: ReadOptions, class_target: bool) -> Table:
    """A table whose columns' kinds are those of the first file's first rows."""
    first, notes = readers[0], []
    names = first.names
    chosen = default_target(names) if target is None else find_name(target, names, "--target")
    if chosen is None:
        raise DlcliError(f"no target was named; the columns are {listed(names)}", "--target COLUMN")
    if target is None:
        notes.append(f"the target is the column '{printable(chosen)}'; --target COLUMN names another")
    dropped = {find_name(name, names, "--drop") for name in options.drop}
    kept = [find_name(name, names, "--features") for name in options.features] or names
    for name in options.text:
        find_name(name, names, "--text")
    if chosen in dropped:
        raise DlcliError(f"'{printable(chosen)}' is the target and is dropped too", "leave out its --drop")
    dropped |= set() if options.features else set(first.left_out)
    features = [name for name in dict.fromkeys(kept) if name != chosen and name not in dropped]
    if not features:
        raise DlcliError(f"{first.label}: no feature columns are left", "give more --features, or fewer --drop")
    used = [*features, chosen]
    texts = tuple(find_name(name, names, "--text") for name in options.text)
    sample = first.sample(used)
    kinds = infer_kinds(sample, used, first.label, texts, options)
    for name in used:
        if kinds[name] == "text" and name not in texts and not (name == chosen and class_target):
            found = disguise_of(present_texts(sample, name, options))
            if found is not None:
                only = len(features) == 1
                notes.extend(_unmasked(first.label, name, found, options, is_target=name == chosen, only=only))
    columns = [Column(name, kinds[name]) for name in features]
    table = Table(readers, columns, Column(chosen, kinds[chosen]), options, fixed=False, classes=class_target)
    table._notes.extend(notes)
    return table


def _unmasked(
    label: str, name: str, found: Disguise, options: ReadOptions, *, is_target: bool, only: bool
) -> list[str]:
    """The message on a column of texts that look like numbers or dates.

    Raises DlcliError where it can't be meant: as classes, with a decimal comma, or with too many different texts.
    ``only``: there is no other feature.
    """
    shown, hints = printable(name), options.hints
    what = f"{found.what} ('{printable(found.example)}')"
    if is_target:
        raise DlcliError(
            f"{label}: the texts of the target '{shown}' look like {what}, not like classes",
            f"write them as {found.instead}, or take its {found.different:,} texts as classes: --loss cross-entropy",
        )
    ways = f"write them as {found.instead}" + ("" if only else f", or {hints.drop(name)}")
    if found.what == DECIMAL_COMMA:
        raise DlcliError(f"{label}: column '{shown}' holds {what}", f"{ways}, or {hints.text(name)}")
    if found.different > options.max_categories:
        more = f", or {hints.text(name)} --max-categories {4 * found.different}"
        raise DlcliError(f"{label}: column '{shown}' holds {found.different:,} different {what}", ways + more)
    return [
        f"column '{shown}' holds {what} as text, so each of its {found.different:,} values but one gets a coefficient "
        f"of its own: {ways}; {hints.text(name)} says that it's meant"
    ]


def _for_model(readers: Sequence[Reader], options: ReadOptions, schema: Schema, need_target: bool) -> Table:
    """A table with the columns that ``schema`` names, found by name."""
    first = readers[0]
    lacking = [column.name for column in schema.features if column.name not in first.names]
    if lacking:
        message = f"{first.label} lacks the model's column{'s' * (len(lacking) > 1)} {listed(lacking)}"
        raise DlcliError(message, f"its columns are {listed(first.names)}; name them as when training")
    wanted: Column | None = None
    if need_target and schema.target is not None:
        if schema.target.name not in first.names:
            message = f"{first.label} lacks the target column {listed([schema.target.name])}, which measuring needs"
            raise DlcliError(message, f"its columns are {listed(first.names)}; to predict without it: dlcli predict")
        name = find_name(schema.target.name, first.names, "--target")
        wanted = Column(name, schema.target.kind, schema.target.levels)
    table = Table(readers, schema.features, wanted, options, fixed=True, classes=False)
    kept = {find_name(name, first.names, "--keep") for name in options.keep}
    known = kept | {column.name for column in schema.features} | {c.name for c in (schema.target, wanted) if c}
    if extra := [name for name in first.names if name not in known]:
        table._notes.append(f"ignored columns not in the model: {listed(extra)}")
    return table
