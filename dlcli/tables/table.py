"""Tables: files in, chunks of a float64 matrix and a target out."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dlcli.engine.ranks import ALONE
from dlcli.errors import DlcliError
from dlcli.tables.categories import Rules, UnsettledError
from dlcli.tables.columns import (
    BoolArray,
    Chunk,
    Column,
    FloatArray,
    IntArray,
    ReadOptions,
    Schema,
)
from dlcli.tables.decisions import Decision, refuse_decisions
from dlcli.tables.encoder import Encoder, said_unseen
from dlcli.tables.names import RowColumns, find_name
from dlcli.tables.opening import (
    LacksTargetError,
    TrainingColumns,
    check_held,
    opened,
    training_columns,
    with_found_names,
)
from dlcli.tables.planning.beside import BesideColumns
from dlcli.tables.planning.kept_rows import KeptRows, TrainingRows
from dlcli.tables.planning.profile import Profile
from dlcli.tables.planning.settle import ColumnRecord, Settled, Settling
from dlcli.tables.readers.blocks import BLOCK_BYTES
from dlcli.tables.readers.csv_reader import DelimitedReader
from dlcli.tables.readers.frames import Frame, Misfits, Reader, conform, kinds_of, prefetch
from dlcli.tables.readers.raw_columns import RawColumns
from dlcli.tables.sharing import UnsharedError, shared_parts
from dlcli.tables.sources import Source
from dlcli.text import counted, listed, printable

if TYPE_CHECKING:
    from dlcli.tables.terms.design import Design

__all__ = ["Chunk", "Column", "FloatArray", "IntArray", "ReadOptions", "Schema", "Table", "TrainingRows"]

REPLANNED = 3  # times at most, where columns read otherwise leave other rows
OFTEN = 5  # rows of each level in the first rows, where others hardly occur further on


class Table(RawColumns):
    """Rows of one file or more with the columns that a model needs.

    ``dropped`` is the number of rows that the last pass left out. A table for training has to be settled before its
    chunks are taken.
    """

    def __init__(
        self, readers: Sequence[Reader], features: Sequence[Column], target: Column | None, options: ReadOptions
    ) -> None:
        super().__init__(readers, target, options)
        self.ranks = options.ranks
        self._columns = tuple(features)
        self.files: tuple[tuple[str, Path], ...] = ()
        self.features = [column.name for column in features]
        self.records: tuple[ColumnRecord, ...] = ()
        self._classes = self._gaps = False
        self.rows = 0  # all of them, once settled wholly
        self._training: TrainingColumns | None = None
        self._decided: tuple[Decision, ...] = ()
        self._notes: list[str] = []
        self._rules = Rules(unseen=options.unseen)
        self._design: Design | None = None
        self._trained_on: BoolArray | None = None  # of all rows (n,); None: all
        self._beside = BesideColumns.planned(options.beside, readers[0], options)
        self._encoder = self._new_encoder()

    @classmethod
    def open(
        cls,
        sources: Sequence[str | Source],
        target: str | None,
        options: ReadOptions,
        *,
        class_target: bool = False,
        need_target: bool = True,
        block_bytes: int = BLOCK_BYTES,
    ) -> "Table":
        """The table in ``sources`` (paths, patterns, "-" or such as are open already), for training.

        ``class_target`` takes a numeric target as classes; without ``need_target`` there may be none, for a look at
        the columns alone. Raises DlcliError for what cannot be read or used.
        """
        readers, files, options = opened(sources, options, choosing=True, block_bytes=block_bytes)
        options = with_found_names(readers[0].names, options)
        chosen = training_columns(readers[0], target, options, need_target=need_target)
        used = [plan.column for plan in chosen.features if not plan.left_out]
        table = cls(readers, used, chosen.target.column if chosen.target else None, options)
        table.files, table._training, table._classes = files, chosen, class_target
        table._notes.extend(check_held(readers, chosen, options))
        return table

    @classmethod
    def for_model(
        cls,
        sources: Sequence[str | Source],
        schema: Schema,
        options: ReadOptions,
        *,
        need_target: bool = True,
        block_bytes: int = BLOCK_BYTES,
    ) -> "Table":
        """The table in ``sources`` with the columns of the model of ``schema``; without ``need_target`` no target.

        Raises DlcliError for what cannot be read or used.
        """
        readers, files, options = opened(sources, options, choosing=False, block_bytes=block_bytes)
        table = _for_model(readers, options, schema, need_target)
        table.files = files
        return table

    def settle(self, training: TrainingRows | None = None, *, wholly: bool = False) -> None:
        """Decide how each column is used, by the rows to train on (None: all of them).

        The first rows have to do where they leave nothing to be found; ``wholly`` looks at all. Where rows with
        missing values are left out, those of a column that turns out to be of no use stay: then all is decided again,
        by the rows that there are. Raises DlcliError.
        """
        if self._training is None:
            return
        # Terms learn of the rows trained on, and which these are is known once all have been seen.
        chosen = self._options.terms is not None and training is not None
        wholly = wholly or chosen or bool(self._options.reference)
        profile = None if wholly else self._profile_of_sample(training)
        self._rules, self._trained_on = Rules(settled=profile is None, unseen="baseline"), None
        while profile is None:
            with suppress(UnsharedError):
                profile = self._profile_of_rows(training)
        try:
            self._use(Settling(self._options, profile, self._readers[0].label), self._training)
        except UnsettledError:  # what terms learn takes a pass over all rows
            self.settle(training, wholly=True)
            return
        of_use = self._training.without(self.records, self._decided)
        if self._rules.settled and self._options.missing == "drop" and of_use is not self._training:
            self._training = of_use
            self.settle(training, wholly=True)

    def _use(self, settling: Settling, chosen: TrainingColumns) -> None:
        settled: Settled = settling.settle(chosen.features, chosen.target, classes=self._classes)
        self._columns, self.target = settled.features, settled.target
        self.features = [column.name for column in settled.features]
        self.records, self._decided, self._gaps = settled.records, settled.decisions, settled.gaps
        self._design = self._learned() if self._options.terms else None
        self._encoder = self._new_encoder()

    def _learned(self) -> "Design":
        """The columns that terms make, by a pass for what they learn of the training rows."""
        from dlcli.tables.terms.begin import Begun

        assert self._options.terms is not None
        begun = Begun(self._options.terms, self._columns, self.records)
        encoder = Encoder(self._columns, self.target, self._options, self._rules, self._beside)
        columns = [*self._columns, *([self.target] if self.target else [])]
        for frame in self._frames([*columns, *self._beside.beyond(columns)], encoder.misfits):
            if (kept := encoder.read(frame)) is not None:
                cells, _, rows, _, _ = kept
                begun.add(cells if self._trained_on is None else cells.some(self._trained_on[rows - 1]))
        return begun.design()

    def _profile_of_sample(self, training: TrainingRows | None) -> Profile | None:
        """What the first rows say, or None where the others may say more."""
        assert self._training is not None
        columns = self._training.columns
        learned = [c for c in columns if c.kind == "text" or c.format is not None]
        if training is not None and (learned or self._counted):
            return None
        beside = self._beside.beyond(columns)
        sample = self._readers[0].sample([column.name for column in (*columns, *beside)])
        profile = Profile(columns, self._counted)
        frame = Frame(sample, self._readers[0].label, 1)
        data = conform(frame, [*columns, *beside], self._options, profile.misfits).data
        if self._beside.weightless(data) is not None:
            return None
        profile.add(data, None)
        found = profile.columns.values()
        clean = profile.rows > 0 and not profile.misfits and not any(column.missing for column in found)
        often = all(min(column.counts.values(), default=OFTEN) >= OFTEN for column in found)
        return profile if clean and often and sample.height else None

    @property
    def _counted(self) -> str | None:
        """The target whose values are counted, as they are classes."""
        classes = self.target is not None and (self._classes or self.target.is_class)
        return self.target.name if classes and self.target is not None else None

    def _kept(self) -> KeptRows:
        target = self.target.name if self.target else None
        counted = self._counted is not None
        return KeptRows(self._readers, self._frames, self._options, self.ranks, target, counted=counted)

    def _profile_of_rows(self, training: TrainingRows | None) -> Profile:
        """What all rows to train on say."""
        assert self._training is not None
        kept, train = self._kept(), None
        if training is not None:
            train = self._planned_anew(kept, training)
        profile, self.rows = kept.profile(self._training.columns, train)
        if profile.rows == 0:
            self._refuse_no_rows()
        return profile

    def _planned_anew(self, kept: KeptRows, training: TrainingRows) -> BoolArray:
        """Which of the rows that stay are trained on (n,); columns are planned anew by those among the first rows.

        What a column is read as decides which of its values are missing, and so, where such rows are left out, which
        rows stay: then they are planned once more.
        """
        assert self._training is not None
        for _ in range(REPLANNED):
            planned = self._training.columns
            train, self._trained_on = kept.trained(planned, training)
            self._training = self._training.seen_from(self._readers[0], self._trained_on, self._options)
            if self._options.missing != "drop" or self._training.columns == planned:
                return train
        train, self._trained_on = kept.trained(self._training.columns, training)
        return train

    @property
    def cluster(self) -> str | None:
        """The column whose values say which rows hang together, by its name."""
        return self._options.cluster

    @property
    def missing_texts(self) -> tuple[str, ...]:
        """Every text that means missing."""
        return self._options.markers

    def kept_rows(self) -> BoolArray | None:
        """Which rows of all sources stay (n,), a pass over them; None where the latest pass left out none."""
        if not self.dropped and not self.weightless:
            return None
        columns = [*self._columns, *([self.target] if self.target else [])]
        every = [keep for _, keep, _, _ in self._kept().frames(columns, Misfits())]
        return np.concatenate([np.zeros(0, dtype=np.bool_), *every])

    def read_alone(self) -> None:
        """From now on this process reads the table, and no other."""
        self.ranks = ALONE

    def _new_encoder(self) -> Encoder:
        return Encoder(self._columns, self.target, self._options, self._rules, self._beside, self._design)

    @property
    def decisions(self) -> list[Decision]:
        """What was decided when opening, reading and settling."""
        read = [one for reader in self._readers for one in reader.decisions]
        if self._training is not None:
            return [*read, *self._training.decisions, *self._decided]
        applied = [*self._encoder.misfits.said(), *said_unseen(self._encoder.unseen, self._columns)]
        return [*read, *(Decision(line) for line in applied)]

    @property
    def warnings(self) -> list[str]:
        """Lines for the user: what was found when opening and reading."""
        lines = [*(line for reader in self._readers for line in reader.warnings), *self._notes]
        lines += said_unseen(self._encoder.unseen, self._columns)
        lines += self._design.said(self._encoder.beyond) if self._design is not None else []
        if self._training is None:
            lines += [*self._encoder.misfits.said(), *self._said_filled()]
        return lines

    def _said_filled(self) -> list[str]:
        """A line on missing values of a table that a model is applied to, where they are filled."""
        filled = {n: c for n, c in self._encoder.missing.items() if n in self.features}
        if not filled or self._options.missing not in ("auto", "mean"):
            return []
        each = listed(f"{name} ({count:,})" for name, count in filled.items())
        if self._options.blanks:
            return [f"rows with missing values get no prediction, NA in CSV: {each}"]
        return [f"missing values count as the model has it from training, as the mean or a level of their own: {each}"]

    def date_columns(self) -> list[Column]:
        """The columns of dates, those that are no features too, unless they are many."""
        return self.dates_beside(self._columns)

    @property
    def dropped(self) -> int:
        """The number of rows that the latest pass left out for missing values."""
        return self._encoder.dropped

    @property
    def beside(self) -> RowColumns:
        """The columns of weights and offset."""
        return self._options.beside

    @property
    def weightless(self) -> int:
        """The number of rows that the latest pass left out as their weight is 0."""
        return self._encoder.weightless

    @property
    def schema(self) -> Schema:
        """The columns and their levels, in order; those of a table for training once it is settled."""
        return Schema(self._columns, self.target, self._design, self._options.log_target)

    @property
    def has_gaps(self) -> bool:
        """Whether X may be nan where values are missing, which then are to be filled."""
        return self._gaps

    def anchors(self) -> IntArray:
        """For each column of X (w,), one that is NaN wherever its value is missing."""
        return self._encoder.anchors

    def chunks(self) -> Iterator[Chunk]:
        """All rows as chunks, from the start at every call; raises DlcliError for a row that is of no use."""
        if self._training is not None and not self.records:
            self.settle(wholly=True)
        self._encoder = encoder = self._new_encoder()
        columns = [*self._columns, *([self.target] if self.target else [])]
        columns += self._beside.beyond(columns)
        if self.ranks.count > 1:
            yield from self._shared_chunks(columns, encoder)
            return
        frames = prefetch(self._frames(columns, encoder.misfits))
        any_rows = False
        try:
            for frame in frames:
                any_rows = True
                yield from encoder.encode(frame)
        finally:
            frames.close()
        if not any_rows:
            self._refuse_no_rows()
        if self._training is None and self._options.strict:
            refuse_decisions(self.decisions)

    def _shared_chunks(self, columns: Sequence[Column], encoder: Encoder) -> Iterator[Chunk]:
        """This process's chunks; at the end one without rows, by which it knows of all."""
        options, reached, before = self._options, 0, 0

        def work(frame: Frame) -> list[Chunk]:
            nonlocal before
            before = encoder.read_rows
            return list(encoder.encode(conform(frame, columns, options, encoder.misfits)))

        def size(chunks: Sequence[Chunk]) -> int:
            return sum(len(chunk.X) for chunk in chunks)

        for part in shared_parts(self.ranks, self._readers, kinds_of(columns), work, size):
            place, reached = part.place, part.reached
            away = part.source_row - before  # as the encoder counts this process's rows only
            for chunk in part.made or ():
                rows = None if chunk.rows is None else chunk.rows + away
                yield replace(chunk, first_row=chunk.first_row + away, rows=rows, place=place, reached=reached)
                place += len(chunk.X)
        encoder.join(self.ranks)
        if not reached and not encoder.dropped:
            self._refuse_no_rows()
        yield replace(encoder.no_rows(), place=reached, reached=reached)

    def _refuse_no_rows(self) -> None:
        """Raise DlcliError for a table of which no row is left; ``rows`` is how many there were."""
        label, policy = self._readers[0].label, self._options.missing
        if not self.rows:
            text = isinstance(self._readers[0], DelimitedReader) and self._training is not None
            hint = "if the first row is data, use --no-header" if text else "give a file with rows"
            raise DlcliError(f"{label}: there are no rows of data", hint)
        if policy == "drop" or self.target is None:
            reason = f"all {counted(self.rows, 'row')} have missing values"
            raise DlcliError(f"{label}: no rows are left: {reason}", "--missing auto, or --drop the emptiest columns")
        if self._options.beside.weights is not None:
            given = self._options.beside.option_of(self._options.beside.weights)
            raise DlcliError(f"{label}: no rows are left: all weights of {given} are 0", "name another column")
        name = printable(self.target.name)
        raise DlcliError(f"{label}: no rows are left: the target '{name}' has no values", "choose another --target")

    def _frames(self, columns: Sequence[Column], misfits: Misfits) -> Iterator[Frame]:
        """All rows, what ``columns`` are read as."""
        for reader in self._readers:
            yield from reader.frames(columns, self._options, misfits)


def _for_model(readers: Sequence[Reader], options: ReadOptions, schema: Schema, need_target: bool) -> Table:
    """A table with the columns that ``schema`` names, found by name."""
    for reader in readers:
        reader.widen([column.name for column in schema.features])
    first = readers[0]
    options = replace(options, beside=options.beside.of_model(first.label, first.names))
    own = set(first.names)
    lacking = [column.name for column in schema.features if column.name not in own]
    if lacking:
        message = f"{first.label} lacks the model's column{'s' * (len(lacking) > 1)} {listed(lacking)}"
        raise DlcliError(message, f"its columns are {listed(first.names)}; name them as when training")
    wanted: Column | None = None
    if need_target and schema.target is not None:
        if schema.target.name not in first.names:
            message = f"{first.label} lacks the target column {listed([schema.target.name])}, which measuring needs"
            hint = f"its columns are {listed(first.names)}; to predict without it: dlcli predict"
            raise LacksTargetError(message, hint)
        wanted = replace(schema.target, name=find_name(schema.target.name, first.names, "--target"))
    table = Table(readers, schema.features, wanted, options)
    if schema.design is not None:
        from dlcli.tables.terms.design import Design

        assert isinstance(schema.design, Design)
        table._design = schema.design
    kept = {find_name(name, first.names, "--keep") for name in options.keep} | set(options.beside.names)
    known = kept | {column.name for column in schema.features} | {c.name for c in (schema.target, wanted) if c}
    if extra := [name for name in first.names if name not in known]:
        table._notes.append(f"ignored columns not in the model: {listed(extra)}")
    return table
