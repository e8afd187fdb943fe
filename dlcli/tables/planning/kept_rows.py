"""The rows of a table that stay, looked at before it is settled how its columns are used."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TypeAlias

import numpy as np
import polars as pl

from dlcli.engine.ranks import Ranks
from dlcli.tables.columns import BoolArray, Column, FloatArray, ReadOptions
from dlcli.tables.planning.beside import BesideColumns
from dlcli.tables.planning.profile import Profile
from dlcli.tables.readers.frames import Frame, Misfits, Reader, conform, kinds_of, without_infinite
from dlcli.tables.sharing import joined, joined_ranks, shared_parts

# Which of the rows that stay (of all, (n,)) are trained on; codes of their classes where the target has such.
TrainingRows: TypeAlias = Callable[[BoolArray, FloatArray | None], BoolArray]
# All rows, what columns are read as.
Frames: TypeAlias = Callable[[Sequence[Column], Misfits], Iterator[Frame]]


class KeptRows:
    """Passes over the rows that stay of ``readers``, which ``frames`` reads one after another.

    ``target`` is the target's name, and ``counted``: its values are counted, as they are classes. ``options.beside``
    may name a column that says that a row counts for nothing.
    """

    def __init__(
        self, readers: Sequence[Reader], frames: Frames, options: ReadOptions, ranks: Ranks, target: str | None,
        *, counted: bool,
    ) -> None:  # fmt: skip
        self._readers, self._frames, self._options, self._ranks = list(readers), frames, options, ranks
        self._target, self._counted = target, target if counted else None
        self._beside = BesideColumns.planned(options.beside, readers[0], options)
        self._weightless = 0  # rows that would stay but for their weight

    def profile(self, columns: Sequence[Column], train: BoolArray | None) -> tuple[Profile, int]:
        """What the rows to train on say, and how many rows there are, those that don't stay too.

        ``train`` (n,) are those of the rows that stay that are trained on (None: all).
        """
        profile, rows = Profile(columns, self._counted), 0
        self._weightless = 0
        for data, keep, _, start in self.frames(columns, profile.misfits):
            profile.add(data, None if train is None else train[start : start + data.height])
            rows += len(keep)
            profile.without_target += len(keep) - data.height if self._options.missing != "drop" else 0
        profile.without_target -= self._weightless if self._options.missing != "drop" else 0
        if self._ranks.count > 1:
            profile.join(self._ranks)
        return profile, sum(self._ranks.gather(rows))

    def frames(self, columns: Sequence[Column], misfits: Misfits) -> Iterator[tuple[pl.DataFrame, BoolArray, int, int]]:
        """The rows that stay, what ``columns`` are read as, and which rows of the source these are.

        The latter begin with the row of this number among those of all sources, the former among all that stay.
        """
        read = [*columns, *self._beside.beyond(columns)]
        if self._ranks.count > 1:

            def work(frame: Frame) -> tuple[pl.DataFrame, BoolArray]:
                return self._kept(conform(frame, read, self._options, misfits), columns, misfits)

            every = shared_parts(self._ranks, self._readers, kinds_of(read), work, lambda kept: kept[0].height)
            for part in every:
                if part.made is not None:
                    yield *part.made, part.source_row, part.place
            return
        rows = stay = 0
        for frame in self._frames(read, misfits):
            data, keep = self._kept(frame, columns, misfits)
            yield data, keep, rows, stay
            rows, stay = rows + len(keep), stay + data.height

    def _kept(
        self, frame: Frame, columns: Sequence[Column], misfits: Misfits
    ) -> tuple[pl.DataFrame, BoolArray]:  # fmt: skip
        """The rows of a frame that stay, and which these are."""
        policy = self._options.missing
        weightless = self._beside.weightless(frame.data)
        if beyond := [column.name for column in self._beside.beyond(columns)]:
            frame = replace(frame, data=frame.data.drop(beyond))
        data = without_infinite(frame, columns, misfits) if policy != "error" else frame.data
        asked = data.columns if policy == "drop" else [self._target] if self._target else []
        keep = np.ones(data.height, dtype=np.bool_)
        if policy != "error":
            for name in asked:
                keep &= data.get_column(name).is_not_null().to_numpy()
        if weightless is not None:
            self._weightless += int(np.count_nonzero(keep & weightless))
            keep &= ~weightless
        return (data if keep.all() else data.filter(pl.Series(keep))), keep

    def trained(self, columns: Sequence[Column], training: TrainingRows) -> tuple[BoolArray, BoolArray]:
        """Which of the rows that stay are trained on (n,), and which of all rows (m,)."""
        kept: list[tuple[int, BoolArray]] = []
        values: list[tuple[int, pl.Series]] = []
        for data, keep, row, place in self.frames(columns, Misfits()):
            kept.append((row, keep))
            if self._counted:
                values.append((place, data.get_column(self._counted)))
        rows = sum(self._ranks.gather(sum(len(keep) for _, keep in kept)))
        stays = joined(self._ranks, kept, rows, np.bool_)
        classes = joined_ranks(self._ranks, values, int(stays.sum())) if self._counted else None
        train = training(stays, classes)
        among = np.zeros(len(stays), dtype=np.bool_)
        among[np.flatnonzero(stays)[train]] = True
        return train, among
