"""Which rows are held out, and which fold the others are in, where that goes by what they hold.

It takes a pass over the columns that decide, and one before where groups or times are counted first. What is kept is
two bytes for each row, whatever the table holds.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from dlcli.engine.arrays import AnyArray, IntArray
from dlcli.errors import DlcliError
from dlcli.linear.data.split import VALIDATION, Assigned, Split
from dlcli.linear.splits import groups, times
from dlcli.linear.splits.pieces import Piece, Pieces
from dlcli.linear.splits.settings import SplitSettings
from dlcli.linear.splits.tally import MISSING, Tally
from dlcli.tables.columns import ReadOptions
from dlcli.tables.formats.dates import DateFormat
from dlcli.tables.table import Table
from dlcli.text import counted

DAY = 86_400


@dataclass
class _Seen:
    """What the first pass has seen."""

    unknown: int = 0
    rows: int = 0
    held: int = 0
    without_key: int = 0
    first_without: int = 0

    def add(self, piece: Piece, absent: AnyArray) -> None:
        """Take a piece in, of whose rows those ``absent`` (n,) have no key."""
        if not self.without_key and absent.any():
            self.first_without = self.rows + int(absent.argmax()) + 1
        self.unknown += piece.unknown
        self.rows += len(piece.held)
        self.held += int(np.count_nonzero(piece.held))
        self.without_key += int(np.count_nonzero(absent))


@dataclass
class Dealing:
    """Deals the rows of a ``table`` out as ``settings`` and the ``split``'s fractions say; ``warnings`` on the way."""

    table: Table
    settings: SplitSettings
    split: Split
    options: ReadOptions
    warnings: list[str] = field(default_factory=list)
    _seen: _Seen = field(default_factory=_Seen)

    def dealt(self) -> Assigned:
        """The groups of all rows. Raises DlcliError where the columns don't allow it, or a part would have no rows."""
        pieces = Pieces(self.table, self.settings, self.options)
        if pieces.key is None:
            return self._by_condition(pieces)
        return self._forward(pieces) if pieces.times else self._grouped(pieces)

    def _by_condition(self, pieces: Pieces) -> Assigned:
        held = []
        for piece in pieces:
            self._seen.add(piece, np.zeros(len(piece.held), np.bool_))
            held.append(piece.held)
        self._check()
        parts = np.where(np.concatenate(held), VALIDATION, 0).astype(np.int16)
        if self.split.folds:
            free = parts == 0
            parts[free] = Split(0.0, self.split.folds, self.split.seed).groups(int(np.count_nonzero(free)))
        return self._made(parts, "dealt")

    def _check(self) -> None:
        """Raise DlcliError where a condition holds out nothing, or everything; say for how many rows it isn't known."""
        seen, option = self._seen, self.settings.holding
        if self.settings.val_rows is not None and not seen.held:
            raise DlcliError(f"{option} holds out none of {counted(seen.rows, 'row')}", "give another condition")
        if seen.held == seen.rows and seen.rows:
            raise DlcliError(f"{option} holds out all of {counted(seen.rows, 'row')}", "give another condition")
        if seen.unknown:
            rows = counted(seen.unknown, "row")
            self.warnings.append(f"{option}: trained on {rows} without a value that it compares")

    def _grouped(self, pieces: Pieces) -> Assigned:
        name = pieces.name
        free, held = (Tally(np.uint64, groups.MOST, coarse=False) for _ in range(2))
        for piece in pieces:
            self._seen.add(piece, piece.keys == MISSING if piece.of_data else ~piece.held)
            free.add(piece.keys[~piece.held])
            held.add(piece.keys[piece.held][: len(piece.keys) * piece.of_data])
        self._check()
        if self._seen.without_key:
            rows = counted(self._seen.without_key, "row")
            self.warnings.append(f"--group {name}: {rows} without a value count as one group")
        keys, counts = free.found()
        split, known = self.split, not free.many
        by_key = groups.parts_of(keys, counts, split) if known else None
        if known:
            groups.check_groups(name, len(keys), split)
            self._warn_of_both(name, keys, held)

        def own(piece: Piece) -> IntArray:
            if by_key is None:
                return groups.parts_by_chance(piece.keys, split)
            return by_key[np.minimum(np.searchsorted(keys, piece.keys), len(keys) - 1)]

        made = self._made(self._parts(pieces, own), "grouped")
        if by_key is None:
            return made
        numbers, sizes = np.unique(by_key, return_counts=True)
        return replace(made, counts=dict(zip(numbers.tolist(), sizes.tolist(), strict=True)))

    def _warn_of_both(self, name: str, keys: AnyArray, held: Tally) -> None:
        both = 0 if held.many else len(np.intersect1d(keys, held.found()[0]))
        if both:
            which = f"{both:,} of {counted(len(keys), 'group')} trained on"
            self.warnings.append(
                f"--group {name}: {which} {'has' if both == 1 else 'have'} rows that are held out, too, so what is "
                "measured there isn't of new groups"
            )

    def _forward(self, pieces: Pieces) -> Assigned:
        tally = Tally(np.float64, times.MOST, coarse=True)
        for piece in pieces:
            absent = np.isnan(piece.keys) & ~piece.held
            self._seen.add(piece, absent)
            tally.add(piece.keys[~piece.held & ~absent])
        self._check()
        self._check_times(pieces)
        values, counts = tally.found()
        ends = times.ends_of(values, counts, self.split, pieces.name)

        def own(piece: Piece) -> IntArray:
            return times.blocks_of(np.where(np.isnan(piece.keys), values[0], piece.keys), ends, self.split)

        made = self._made(self._parts(pieces, own), "forward")
        starts = values[np.searchsorted(values, ends, side="right")]
        blocks = [*range(1, self.split.folds + 1), *([VALIDATION] if self.split.validation else [])]
        form = pieces.key.format if pieces.key is not None else None
        dated = isinstance(form, DateFormat) and form.unit != "days"
        since = {block: _shown(float(time), dated=dated) for block, time in zip(blocks, starts, strict=True)}
        return replace(made, since=since)

    def _check_times(self, pieces: Pieces) -> None:
        """Raise DlcliError for rows without a time, unless they are left out anyway."""
        seen, key = self._seen, pieces.key
        drops = self.options.missing == "drop" and key is not None and key.name in self.table.features
        if seen.without_key and not drops:
            rows, first = counted(seen.without_key, "row"), f"{seen.first_without:,}"
            raise DlcliError(
                f"--time {pieces.name}: {rows} without a time, the first one is row {first}",
                "fill in the times, or --missing drop with the column among the features",
            )

    def _parts(self, pieces: Iterable[Piece], own: Callable[[Piece], IntArray]) -> AnyArray:
        parts = [np.where(piece.held, VALIDATION, own(piece)).astype(np.int16) for piece in pieces]
        return np.concatenate(parts)

    def _made(self, parts: AnyArray, kind: Literal["dealt", "grouped", "forward"]) -> Assigned:
        split, share = self.split, float(np.mean(parts == VALIDATION))
        return Assigned(share, split.folds, split.seed, of_rows=parts, kind=kind, by=self.settings.holding)


def _shown(time: float, *, dated: bool) -> str:
    """A time as people write it."""
    if not dated:
        return f"{time:.10g}"
    moment = np.datetime64("1970-01-01T00:00:00") + np.timedelta64(round(time * DAY), "s")
    return str(moment).replace("T", " ").removesuffix(" 00:00:00")
