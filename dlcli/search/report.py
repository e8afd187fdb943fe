"""The report and the tables of a search."""

import math
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from dlcli.engine.device import describe_device
from dlcli.errors import DlcliError, ExitCode
from dlcli.passwords import without_password
from dlcli.reports.document import Fingerprint, environment
from dlcli.reports.head import Ended, training_head
from dlcli.reports.tune_lr import BestTrial, SearchReport, Trial
from dlcli.runs import directory
from dlcli.runs.trials import BEST, TABLE, to_csv
from dlcli.search.plan import Search
from dlcli.search.ranking import Choice, Mark, choose
from dlcli.search.records import ENDED, Outcome, Record
from dlcli.search.settings import TrainingConfig
from dlcli.search.space import Point
from dlcli.search.study.opening import DATA
from dlcli.text import counted

TIED_SHOWN = 8  # numbers of tied trials in one line


@dataclass(frozen=True)
class Ending:
    """What a search came to: a record of each trial, those of the ``first`` rung, and why and when it ended."""

    records: Sequence[Record]
    first: Sequence[Record]
    reason: str
    signum: int
    seconds: float


def make_report(search: Search, run: directory.RunDirectory, ending: Ending) -> SearchReport:
    """The document of report.json."""
    configs, metric, records, reason = search.configs, search.metric, ending.records, ending.reason
    method = search.settings.method
    assert method != "sweep"
    choice = chosen(search, records)
    best = choice.best
    marks = choice.marks
    places = {record.number: place for place, record in enumerate(choice.order, 1)}
    compared, share = _comparable(search, ending)
    steps = sum(r.outcome.steps for r in records if r.outcome and r.state in ENDED)
    ended = Ended(steps, "stopped" if reason else "finished", reason or "every trial has ended", ending.signum)
    return SearchReport(
        **training_head(run.path, describe_device(search.trials.device), configs.seed, ending.seconds, ended),
        command="tune-lr",
        training=configs.command,
        method=method,
        pruner=search.settings.pruner,
        metric=str(metric),
        larger_is_better=metric.larger,
        metrics=best.outcome.measured if best and best.outcome else {},
        options=[axis.name for axis in search.space.axes],
        trials=[_entry(search, record, places.get(record.number), marks.get(record.number, "")) for record in records],
        best=_best(search, run, choice),
        environment=environment(search.trials.device),
        importances=importances(search, compared),
        importances_share=share,
        study=search.study.name,
        storage=without_password(search.study.storage) if search.study.storage else None,
        fingerprint=Fingerprint.model_validate(search.fingerprint[DATA]),
    )


def _best(search: Search, run: directory.RunDirectory, choice: Choice) -> BestTrial | None:
    best = choice.best
    if not best or not best.outcome:
        return None
    path = run.path / BEST
    return BestTrial(
        number=best.number,
        params=best.params,
        value=best.value,
        spread=best.outcome.spread,
        complete=best.outcome.fraction == 1 and best.outcome.reason != "pruner",
        seed=search.configs.seed_of(best.number),
        config=str(path),
        command=f"dlcli {search.configs.command} --config {shlex.quote(str(path))}",
        rule=choice.rule,
        tied=[record.number for record in choice.tied],
        error=best.outcome.error,
        near=[record.number for record in choice.near],
        noise="standard error of the difference" if choice.runs > 1 else "rounding",
        runs=choice.runs,
    )


def _comparable(search: Search, ending: Ending) -> tuple[Sequence[Record], float]:
    """Trials whose values can be compared with each other, and which share of the full run they were trained.

    On rungs those are the short runs that all points had; else the runs that no pruner has ended.
    """
    if search.halving.rungs > 1:
        return ending.first, search.halving.fractions[0]
    return [record for record in ending.records if record.state == "complete"], 1.0


def _entry(search: Search, record: Record, rank: int | None, mark: Mark | Literal[""]) -> Trial:
    outcome = record.outcome or Outcome(record.state, math.nan, fraction=0.0)
    return Trial(
        number=record.number,
        params=record.params,
        value=record.value if math.isfinite(record.value) else None,
        spread=outcome.spread,
        each=list(outcome.each),
        state=record.state,
        fraction=outcome.fraction,
        steps=outcome.steps,
        seconds=outcome.seconds,
        seed=search.configs.seed_of(record.number),
        reason=outcome.reason,
        metrics=outcome.measured,
        rank=rank,
        mark=mark,
    )


def chosen(search: Search, records: Sequence[Record]) -> Choice:
    """The best of those that were trained for longest, and all others after it."""
    return choose(records, larger=search.metric.larger)


def tie_of(report: SearchReport) -> str:
    """One line on trials that are no worse than the one that is proposed; empty where there are none."""
    best = report.best
    if not best or not best.tied:
        return ""
    unit = "folds" if report.metric.startswith("cv.") else "seeds"
    noise = (
        f"the standard error of the difference over {best.runs} {unit}"
        if best.runs > 1
        else "rounding (1e-9 of the value)"
    )
    numbers = _listed([best.number, *best.tied])
    return f"tie: trials {numbers} differ by no more than {noise}; proposed is {best.number}, by {best.rule}"


def near_of(report: SearchReport) -> str:
    """One line on trials that the rows held out can't tell from the best by their values; empty where it isn't known.

    Ties are said already: where all are tied, or folds were compared, there is nothing to add.
    """
    best = report.best
    if not best or best.error is None or not set(best.near) - set(best.tied):
        return ""
    trials = "trial" if len(best.near) == 1 else "trials"
    are = "is" if len(best.near) == 1 else "are"
    remedy = "" if report.training != "fit-linear" else "; --cv 5 compares them fold by fold"
    return (
        f"noise: {report.metric} of {best.number} is known to ±{best.error:.2g} (one standard error, by the rows held "
        f"out); {trials} {_listed(best.near)} {are} no further from it{remedy}"
    )


def _listed(numbers: Sequence[int]) -> str:
    """Numbers of trials, the first few of them."""
    ordered = sorted(numbers)
    more = len(ordered) - TIED_SHOWN
    return ", ".join(map(str, ordered[:TIED_SHOWN])) + (f" and {more} more" if more > 0 else "")


def failed(report: SearchReport) -> bool:
    """Whether trials have ended, and all of them without a value."""
    return report.best is None and any(t.state in ENDED for t in report.trials)


def all_diverged(records: Sequence[Record]) -> DlcliError:
    """The error of a search in which no trial has a value."""
    if all(r.state == "failed" for r in records if r.ended):
        return DlcliError(
            f"lost {counted(len(records), 'trial')} with the processes that ran them",
            "start again with another --study, or with --out and --force", ExitCode.TRAINING_FAILED,
        )  # fmt: skip
    stable = [r.outcome.stable_lr for r in records if r.outcome and r.outcome.stable_lr]
    rates = [float(r.params["lr"]) for r in records if isinstance(r.params.get("lr"), (int, float))]
    remedy = "give other values"
    if stable and math.isfinite(min(stable)):
        edge = min(stable)
        remedy = f"the largest stable learning rate is {edge:.3g}: try --lr {edge / 1000:.2g}:{edge:.2g}"
    elif rates:
        low = min(rates)
        remedy = f"try --lr {low / 1000:.2g}:{low / 2:.2g}"
    return DlcliError(
        "the only trial diverged" if len(records) == 1 else f"all {len(records):,} trials diverged",
        remedy,
        ExitCode.TRAINING_FAILED,
    )


def best_config(search: Search, best: Record) -> TrainingConfig:
    """The config of the best point, with its seed and every choice resolved."""
    config = search.configs.of(Point(best.number, best.params))
    if search.settings.workers > 1 and "threads" in type(config).model_fields:
        config = config.model_copy(update={"threads": 1})  # as the workers had, which decides the last digits
    final = search.trials.final(config)
    return search.trials.as_fused(final) if best.outcome and best.outcome.fused else final


def save(search: Search, run: directory.RunDirectory, report: SearchReport, records: Sequence[Record]) -> None:
    """Write config, tables, the best config and the report."""
    run.write(directory.CONFIG, search.output.config.to_toml(run.path))
    run.write(TABLE, to_csv(report.options, report.metric, report.trials))
    best = chosen(search, records).best
    if best is not None:
        run.write(BEST, _said_of(report) + best_config(search, best).to_toml(run.path))
    run.write(directory.REPORT, report.to_json() + "\n")


def _said_of(report: SearchReport) -> str:
    """What best.toml says of its trial, as comments."""
    assert report.best is not None
    lines = [f"trial {report.best.number} of tune-lr: {report.metric} {report.best.value:.6g}"]
    return "".join(f"# {line}\n" for line in [*lines, tie_of(report), near_of(report)] if line)


def importances(search: Search, records: Sequence[Record]) -> dict[str, float]:
    """How much each option matters for being among the best (PED-ANOVA, Watanabe et al. 2023); for two or more."""
    known = [r for r in records if r.outcome is not None and math.isfinite(r.value)]
    varied = [a.name for a in search.space.axes if len({str(r.params.get(a.name)) for r in known}) > 1]
    if len(search.space.axes) < 2 or len(known) < 4 or not varied:
        return {}
    import optuna

    from dlcli.search.study.codec import Distributions, distribution_of, stored

    distributions: Distributions = {
        axis.name: distribution_of(axis.holding([r.params[axis.name] for r in known]), exact=False)
        for axis in search.space.axes
        if axis.name in varied
    }
    study = optuna.create_study(direction="maximize" if search.metric.larger else "minimize")
    study.add_trials(
        [
            optuna.trial.create_trial(
                value=r.value, distributions=distributions,
                params={name: stored(r.params[name], d) for name, d in distributions.items()},
            )
            for r in known
        ]
    )  # fmt: skip
    evaluator = optuna.importance.PedAnovaImportanceEvaluator()
    try:
        found = optuna.importance.get_param_importances(study, evaluator=evaluator)
    except (ValueError, RuntimeError):
        return {}
    shares = {axis.name: float(found.get(axis.name, 0.0)) for axis in search.space.axes}
    return shares if all(map(math.isfinite, shares.values())) else {}
