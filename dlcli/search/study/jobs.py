"""Jobs: the units of work of a study, and the Optuna trials that stand for them.

A job is a point on a rung of successive halving (rung 0 alone without it). Should a job stand there twice (its creator
died half-way, say), the trial of the lowest number counts and the other is never run, so no point is computed twice.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from dlcli.search.records import Record
from dlcli.search.space import Point
from dlcli.search.study.codec import INSTEAD, PARAMS, key_of, record_of
from dlcli.search.study.numbering import combination, numbers_of

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial, Trial

Key: TypeAlias = tuple[int, int]  # point and rung


@dataclass(frozen=True)
class Job:
    """Work that this process has claimed."""

    point: Point
    rung: int
    trial: "Trial"


def keyed(trials: "Sequence[FrozenTrial]", *, grid: bool) -> "list[tuple[Key, FrozenTrial]]":
    """The trials that stand for jobs, and for which; in a ``grid`` a combination has one number."""
    found = [(key, trial) for trial in trials if (key := key_of(trial)) is not None]
    if not grid:
        return found
    numbers = numbers_of(trials)
    return [((numbers[combination(trial.user_attrs[PARAMS])], rung), trial) for (_, rung), trial in found]


def job_records(trials: "Sequence[tuple[Key, FrozenTrial]]") -> list[Record]:
    """The record of each job; of trials of one job the first counts, unless it was given up."""
    jobs: dict[Key, FrozenTrial] = {}
    for key, trial in trials:
        if key not in jobs or jobs[key].state.name == "FAIL":
            jobs[key] = trial
    return [record_of(trial, number) for (number, _), trial in jobs.items()]


def point_records(jobs: Sequence[Record]) -> list[Record]:
    """One record for each point, the highest rung that has ended (or the first), by number."""
    best: dict[int, Record] = {}
    for record in jobs:
        known = best.get(record.number)
        if known is None or (record.ended, record.rung) > (known.ended, known.rung):
            best[record.number] = record
    return [best[number] for number in sorted(best)]


def is_duplicate(job: Job, trials: "Sequence[tuple[Key, FrozenTrial]]") -> bool:
    """Whether an earlier trial, other than the one that was given back for it, stands for the same job."""
    own, given_back = (job.point.number, job.rung), job.trial.user_attrs.get(INSTEAD)
    return any(
        trial.number < job.trial.number and trial.number != given_back and trial.state.name != "FAIL" and key == own
        for key, trial in trials
    )


def count_before(number: int, trials: "Sequence[FrozenTrial]") -> int:
    """How many trials that count came before trial ``number``."""
    return sum(trial.number < number and trial.state.name != "FAIL" for trial in trials)
