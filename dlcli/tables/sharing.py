"""A table that several processes read together: each parses every N-th block of it, and all know whose rows are where.

A block is what a reader parses at once. Every process goes through all files, as only so it knows where a block begins
(in quoted text, in what is compressed), which takes a small part of the time that parsing takes.
"""

import os
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import polars as pl

from dlcli.engine.arrays import AnyArray, FloatArray
from dlcli.engine.ranks import Ranks
from dlcli.errors import DlcliError, ExitCode
from dlcli.files import is_temporary, temporary_file
from dlcli.tables.categories import UnsettledError
from dlcli.tables.columns import Kinds
from dlcli.tables.decisions import Decision
from dlcli.tables.readers.frames import Frame, Reader, UnevenBlockError, prefetch
from dlcli.tables.sources import Source

T = TypeVar("T")
COPIED = 16 << 20  # bytes of a file that are sent at once
LOOKED_AT = 1 << 16  # bytes of a file that are compared


class UnsharedError(Exception):
    """A file holds a block that takes the one before it to be understood: all are to read all of it, from the start."""


@dataclass(frozen=True)
class Part(Generic[T]):
    """What a process has ``made`` of its block of a round, None where it had none.

    Of all rows ``source_row`` are before it, and ``place`` of those that are kept; ``reached``: those that are kept
    are so many up to the end of the round, by all processes.
    """

    made: T | None
    source_row: int
    place: int
    reached: int


def agreed(ranks: Ranks, outcome: Any) -> list[Any]:
    """What all processes say: what JSON can hold, or an error, of which all raise the first."""
    found = ranks.gather(_told(outcome) if isinstance(outcome, Exception) else {"value": outcome})
    for one in found:
        if "value" not in one:
            raise _raised(one)
    return [one["value"] for one in found]


def _told(error: Exception) -> dict[str, Any]:
    if isinstance(error, DlcliError):
        return {"error": [error.message, error.hint, int(error.exit_code)]}
    if isinstance(error, UnevenBlockError):
        return {"uneven": error.reader}
    assert isinstance(error, UnsettledError)
    return {"unsettled": True}


def _raised(told: dict[str, Any]) -> Exception:
    if "error" in told:
        message, hint, code = told["error"]
        return DlcliError(message, hint, ExitCode(code))
    return UnevenBlockError(told["uneven"]) if "uneven" in told else UnsettledError()


def shared_parts(
    ranks: Ranks, readers: Sequence[Reader], kinds: Kinds, work: Callable[[Frame], T], size: Callable[[T], int]
) -> Iterator[Part[T]]:  # fmt: skip
    """What ``work`` makes of this process's frames: one part for each round of as many blocks as there are processes.

    ``size`` tells how many rows are kept of what was made. What one process raises, all raise. Raises UnsharedError
    where the pass has to begin again.
    """
    try:
        yield from _rounds(ranks, readers, kinds, work, size)
    except UnevenBlockError as error:
        readers[error.reader].whole = True
        raise UnsharedError from None
    for reader in readers:
        reader.conclude(ranks.gather(reader.found()))


def _rounds(
    ranks: Ranks, readers: Sequence[Reader], kinds: Kinds, work: Callable[[Frame], T], size: Callable[[T], int]
) -> Iterator[Part[T]]:  # fmt: skip
    units, rows, kept = prefetch(_units(ranks, readers, kinds)), [0] * len(readers), 0
    try:
        whole = True
        while whole:
            owners: list[int] = []
            mine: Frame | None = None
            outcome: Any = 0
            try:
                for place, frame in islice(units, ranks.count):
                    owners.append(place)
                    if len(owners) == ranks.rank + 1 and frame is not None and frame.data.height:
                        mine, outcome = frame, frame.data.height
            except (DlcliError, UnevenBlockError) as error:
                outcome = error
            whole = len(owners) == ranks.count
            heights = agreed(ranks, outcome)
            before, first = sum(rows) + sum(heights[: ranks.rank]), 0
            for number, place in enumerate(owners):
                first = rows[place] + 1 if number == ranks.rank else first
                rows[place] += heights[number]
            made, outcome = None, 0
            if mine is not None:
                try:
                    made = work(replace(mine, first_row=first, source=owners[ranks.rank]))
                    outcome = size(made)
                except (DlcliError, UnsettledError) as error:
                    outcome = error
            sizes = agreed(ranks, outcome)
            place, kept = kept + sum(sizes[: ranks.rank]), kept + sum(sizes)
            yield Part(made, before, place, kept)
    finally:
        units.close()


@dataclass(frozen=True)
class _Turn:
    """Whether the i-th block of a file whose first one has this number is this process's."""

    first: int
    ranks: Ranks

    def __call__(self, i: int) -> bool:
        return (self.first + i) % self.ranks.count == self.ranks.rank


def _units(ranks: Ranks, readers: Sequence[Reader], kinds: Kinds) -> Iterator[tuple[int, Frame | None]]:
    """Each block's reader, by its number, and the frame if it is this process's turn."""
    number = 0
    for place, reader in enumerate(readers):
        try:
            for frame in reader.parts(kinds, _Turn(number, ranks)):
                yield place, frame
                number += 1
        except UnevenBlockError:
            raise UnevenBlockError(place) from None


def joined(ranks: Ranks, parts: Sequence[tuple[int, AnyArray]], total: int, dtype: Any) -> AnyArray:
    """An array (total,) of all processes' ``parts``, each with the place where it begins."""
    heads = ranks.gather([[place, len(values)] for place, values in parts])
    mine = np.concatenate([np.zeros(0, dtype), *(np.asarray(values, dtype) for _, values in parts)])
    every = np.zeros(total, dtype)
    for head, data in zip(heads, ranks.gather(mine.tobytes()), strict=True):
        values, start = np.frombuffer(data, dtype), 0
        for place, count in head:
            every[place : place + count] = values[start : start + count]
            start += count
    return every


def joined_ranks(ranks: Ranks, parts: Sequence[tuple[int, pl.Series]], total: int) -> FloatArray:
    """The dense ranks (total,), from 0, of the values of all processes' ``parts``, as ``joined``; nan of none."""
    own: set[Any] = set()
    for _, values in parts:
        own.update(values.drop_nulls().unique().to_list())
    codes = {value: code for code, value in enumerate(sorted({v for found in ranks.gather(list(own)) for v in found}))}
    known, numbers = list(codes), list(codes.values())
    coded = [
        (place, values.replace_strict(known, numbers, default=None, return_dtype=pl.Int32).fill_null(-1).to_numpy())
        for place, values in parts
    ]
    every: FloatArray = joined(ranks, coded, total, np.int32).astype(np.float64)
    every[every < 0] = np.nan
    return every


def spread(ranks: Ranks, find: Callable[[], list[Source]]) -> list[Source]:
    """The sources that process 0 ``find``s, for all: files as they are on each host, and copies of what else it read.

    Standard input and pipes can be read once only, and a query may give its rows in another order the next time.
    """
    if ranks.count == 1:
        return find()
    found: list[Source] = []
    outcome: Any = None
    if ranks.leads:
        try:
            found = find()
            outcome = [_described(source) for source in found]
        except DlcliError as error:
            outcome = error
    described = agreed(ranks, outcome)[0]
    if not ranks.leads:
        found = [_source_of(fields) for fields in described]
    found = [_copied(ranks, one) if fields["copied"] else one for one, fields in zip(found, described, strict=True)]
    _check_alike(ranks, found)
    return found


def _described(source: Source) -> dict[str, Any]:
    fields = asdict(source) | {"path": str(source.path), "copied": is_temporary(source.path)}
    return {**fields, "decisions": [[one.what, one.settle, one.column] for one in source.decisions]}


def _source_of(fields: dict[str, Any]) -> Source:
    known = {name: value for name, value in fields.items() if name != "copied"}
    decisions = tuple(Decision(*one) for one in fields["decisions"])
    return Source(**{**known, "path": Path(fields["path"]), "decisions": decisions})


def _copied(ranks: Ranks, source: Source) -> Source:
    """The source with process 0's file as a temporary file of this process."""
    if ranks.leads:
        with source.path.open("rb") as file:
            while ranks.share(file.read(COPIED)):
                pass
        return source
    descriptor, path = temporary_file(source.path.suffix)
    try:
        with os.fdopen(descriptor, "wb") as file:
            while data := ranks.share():
                file.write(data)
    except OSError as error:
        message = f"{source.label} cannot be copied to {path.parent}: {error.strerror or error}"
        raise DlcliError(message, "free some space, or set TMPDIR to a folder that has more") from None
    return replace(source, path=path)


def _check_alike(ranks: Ranks, sources: Sequence[Source]) -> None:
    """Raises DlcliError, on all processes, where a file isn't the same as that of process 0."""
    everyone = ranks.gather([_looks(source.path) for source in sources])
    for rank, looks in enumerate(everyone):
        for source, first, other in zip(sources, everyone[0], looks, strict=True):
            if first != other:
                what = "lacks" if other is None else "has another"
                raise DlcliError(
                    f"process {rank} {what} {source.label} than process 0" if other else
                    f"process {rank} {what} {source.label}, which process 0 has",
                    "start all with the same command, on copies of the same files",
                )  # fmt: skip


def _looks(path: Path) -> list[int] | None:
    """Size and checksum of both ends of a file; None where it can't be read."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            ends = []
            for start in (0, max(size - LOOKED_AT, 0)):
                file.seek(start)
                ends.append(zlib.crc32(file.read(LOOKED_AT)))
    except OSError:
        return None
    return [size, *ends]
