"""Jobs: the units of work of a study, and the Optuna trials that stand for them.

A job is a point on a rung of successive halving (rung 0 alone without it). Should a job stand there twice (its creator
died half-way, say), the trial of the lowest number counts and the other is never run, so no point is computed twice.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dlcli.search.records import Record
from dlcli.search.space import Point
from dlcli.search.study.codec import INSTEAD, key_of, record_of

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial, Trial


@dataclass(frozen=True)
class Job:
    """Work that this process has claimed."""

    point: Point
    rung: int
    trial: "Trial"


def job_records(trials: "Sequence[FrozenTrial]") -> list[Record]:
    """The record of each job; of trials of one job the first counts, unless it was given up."""
    jobs: dict[tuple[int, int], FrozenTrial] = {}
    for trial in trials:
        key = key_of(trial)
        if key is not None and (key not in jobs or jobs[key].state.name == "FAIL"):
            jobs[key] = trial
    return [record_of(trial) for trial in jobs.values()]


def point_records(jobs: Sequence[Record]) -> list[Record]:
    """One record for each point, the highest rung that has ended (or the first), by number."""
    best: dict[int, Record] = {}
    for record in jobs:
        known = best.get(record.number)
        if known is None or (record.ended, record.rung) > (known.ended, known.rung):
            best[record.number] = record
    return [best[number] for number in sorted(best)]


def is_duplicate(job: Job, trials: "Sequence[FrozenTrial]") -> bool:
    """Whether an earlier trial, other than the one that was given back for it, stands for the same job."""
    key, given_back = (job.point.number, job.rung), job.trial.user_attrs.get(INSTEAD)
    return any(
        trial.number < job.trial.number
        and trial.number != given_back
        and trial.state.name != "FAIL"
        and key_of(trial) == key
        for trial in trials
    )


def count_before(number: int, trials: "Sequence[FrozenTrial]") -> int:
    """How many trials that count came before trial ``number``."""
    return sum(trial.number < number and trial.state.name != "FAIL" for trial in trials)
