"""A table read once or twice, and what training needs of it gathered on the way."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from dlcli.engine.arrays import BoolArray, FloatArray, IntArray
from dlcli.engine.ranks import Ranks
from dlcli.errors import DlcliError
from dlcli.linear.data.gaps import KnownSums
from dlcli.linear.data.gathering.by_group import add_chunk, finished
from dlcli.linear.data.gathering.how import Gathering
from dlcli.linear.data.gathering.keeper import RowKeeper
from dlcli.linear.data.gathering.kept import with_rows, with_stored
from dlcli.linear.data.scale import PowersOfTwo, check_target
from dlcli.linear.data.split import VALIDATION, Split
from dlcli.linear.data.table_data import Block, ChunkSource, RereadRows
from dlcli.linear.objectives.moments import Moments
from dlcli.linear.shared.share import Share
from dlcli.linear.shared.sums import same_exponents, shared_moments
from dlcli.tables.categories import UnsettledError
from dlcli.tables.sharing import UnsharedError
from dlcli.tables.table import TrainingRows


def training_rows(split: Split, *, classes: bool) -> TrainingRows | None:
    """Which of the rows that stay are trained on; None where that is all of them. It raises DlcliError for none."""
    if not split.validation:
        return None

    def training(stay: BoolArray, codes: FloatArray | None) -> BoolArray:
        train = np.asarray(split.of_kept(stay, codes if classes else None) != VALIDATION, dtype=np.bool_)
        if not train.any() and len(train):
            raise DlcliError(f"{split.option} leaves no row to train on", "hold out fewer rows")
        return train

    return training


def gather(table: ChunkSource, asked: Gathering) -> Share:
    """Read ``table`` and return its moments, and its rows if kept: then it is read once, else twice to fill means.

    Of several processes that read the table each has the moments of all rows, and its share of the rows. Raises
    DlcliError for bad data, and WideError where several processes read a table of more columns than rows.
    """
    training = training_rows(asked.split, classes=asked.classes)
    table.settle(training)
    powers: IntArray | None = None
    while True:
        try:
            return _gathered(table, replace(asked, fill_means=table.has_gaps, ranks=table.ranks), powers)
        except UnsettledError:
            table.settle(training, wholly=True)
        except UnsharedError:
            continue
        except _UnevenScalesError as error:
            powers = error.exponents


class _UnevenScalesError(Exception):
    """Processes scale columns otherwise than each other: all are to scale by ``exponents`` (w,), from the start."""

    def __init__(self, exponents: IntArray) -> None:
        super().__init__()
        self.exponents = exponents


def _check_scales(powers: PowersOfTwo, ranks: Ranks) -> None:
    if ranks.count > 1 and (exponents := same_exponents(powers.exponents, ranks)) is not None:
        raise _UnevenScalesError(exponents)


def _gathered(table: ChunkSource, how: Gathering, exponents: IntArray | None) -> Share:
    split = how.split
    powers = PowersOfTwo(exponents)
    known = _means_first(table, how, powers) if how.fill_means and not how.keep_rows else KnownSums()
    moments: dict[int, Moments] = {}
    keeper = RowKeeper(how.most)
    rows = 0
    places: list[IntArray] = []
    for chunk, groups in how.deal(table.chunks(), how.while_read):
        rows, responses = how.counted(chunk, rows, places), how.responses(chunk)
        if not how.classes:
            powers.scale(chunk.X, groups != VALIDATION)
            check_target(responses.y)
        if not how.later:
            add_chunk(moments, (chunk.X, responses, groups), known, how)
        if how.keep_rows:
            keeper.add(chunk.X, responses, groups)
    _check_scales(powers, how.ranks)
    numbers = np.concatenate(places) if places else np.zeros(0, dtype=np.int64)
    if any(how.ranks.gather(keeper.is_stored)):  # by all, who then go the same way
        keeper.store()
    if stored := keeper.stored(dealt=how.while_read.deals):
        data, every = with_stored(table, stored, moments, powers, (how, numbers, rows))
        return Share(data, numbers, every, how.ranks)
    if how.keep_rows:
        data, every = with_rows(table, keeper.parts, moments, powers, (how, numbers, rows))
        return Share(data, numbers, every, how.ranks)
    data = finished(table, shared_moments(moments, how.ranks), rows, known, by_fold=bool(split.folds))

    def again() -> Iterator[Block]:
        for chunk, groups in how.deal(table.chunks(), split):
            powers.scale(chunk.X, groups != VALIDATION)
            yield chunk.X, how.responses(chunk), groups

    return Share(replace(data, exponents=powers.exponents, reread=RereadRows(again)), numbers, None, how.ranks)


def _means_first(table: ChunkSource, how: Gathering, powers: PowersOfTwo) -> KnownSums:
    """A pass for what stands in for missing values."""
    known = KnownSums()
    for chunk, groups in how.deal(table.chunks(), how.split):
        powers.scale(chunk.X, groups != VALIDATION)
        known.add(chunk.X, groups, chunk.weights)
    _check_scales(powers, how.ranks)
    known.finish(table.anchors(), how.ranks)
    return known
