"""``dlcli tune-lr``."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dlcli.cli.command import Command
from dlcli.cli.tuning.search_console import SearchConsole
from dlcli.config.tune_lr import TuneLrConfig
from dlcli.text import counted, duration

if TYPE_CHECKING:
    from dlcli.reports.tune_lr import SearchReport, SweepReport, Trial, TuneReport

SHOWN = 12  # trials that the last table lists

DOC = """Tune the learning rate, or any other option of a training command.

Options of the search come first; what follows `fit-linear` or `train-deconv` are that command's own arguments and
options.

Examples:

- `dlcli tune-lr --grid` – 16 learning rates for fit-linear's built-in example

- `dlcli tune-lr --sweep fit-linear wine.csv --target quality` – range test, compared with the exact answer

- `dlcli tune-lr --lr 1e-3:1 --vary schedule=constant,time,exponential fit-linear wine.csv --target quality --val 0.2`

- `dlcli tune-lr --vary filters=16,32,64 train-deconv photos/ --minutes 1` – filters and learning rate of a network

- `dlcli tune-lr --random --trials 40 --vary dropout=0:0.5 train-deconv mnist/ --task classify --epochs 2`

- `dlcli tune-lr --study wine --storage postgresql://me@db/studies fit-linear wine.csv` – on each of several
machines: they share one study
"""


class TuneLr(Command[TuneLrConfig, SearchConsole, "TuneReport"]):
    """Searching for options of a training command."""

    config = TuneLrConfig
    console = SearchConsole
    doc = DOC
    # Options of the search end where the training command's name stands.
    interspersed = False

    def work(self, config: TuneLrConfig, console: SearchConsole) -> "TuneReport":
        """Search."""
        from dlcli.cli.app import parse_config
        from dlcli.tasks.tune_lr import tune_lr

        name, *words = config.training or ("fit-linear",)
        # Options of fit-linear may say how the folds are made that the search asks for.
        folds = {"cv": config.cv} if config.cv and name == "fit-linear" else None
        return tune_lr(config, parse_config(name, words, folds), console)

    def show(self, report: "TuneReport", _config: TuneLrConfig, console: SearchConsole, /) -> None:
        """The range test, or the trials."""
        from dlcli.reports.tune_lr import SweepReport

        if isinstance(report, SweepReport):
            _show_sweep(report, console)
        else:
            _show_trials(report, console)


def _show_trials(report: "SearchReport", console: SearchConsole) -> None:
    """The best trials, the importances of the options, and the command that trains with the best."""
    from dlcli.search.report import near_of, tie_of

    ended = [t for t in report.trials if t.state in ("complete", "pruned", "diverged")]
    ended.sort(key=lambda t: (t.rank is None, t.rank or 0))
    console.table(*_trial_rows(report, ended, console), least=("seconds", "state", "spread"))
    if len(ended) > SHOWN:
        console.line(f"... {len(ended) - SHOWN:,} more in {report.run}/trials.csv")
    if report.importances:
        shares = sorted(report.importances.items(), key=lambda item: -item[1])
        console.line("")
        of = report.importances_share
        runs = f" (by runs of {of:.3g} of the length)" if of < 1 else ""
        console.line(f"importance{runs}: " + ", ".join(f"{name} {share:.0%}" for name, share in shares))
    console.line("")
    for said in (tie_of(report), near_of(report)):
        if said:
            console.line(said)
    left = len(report.trials) - len(ended)
    state = f"{report.status} after {counted(len(ended), 'trial')}" + (f", {left:,} left" if left else "")
    console.line(f"{state} ({report.reason}), {duration(report.seconds)}; saved in {report.run}")
    if report.best:
        console.command(report.best.command)


def _trial_rows(
    report: "SearchReport", ended: Sequence["Trial"], console: SearchConsole
) -> tuple[list[str], list[list[str]]]:
    """Headings, and a row for each of the best of the trials that have ended."""
    names = report.options
    spread = any(t.spread is not None for t in ended)
    shortened = any(t.fraction < 1 for t in ended)
    header = ["trial", *names, report.metric, *(["spread"] if spread else []), "state", "seconds"]
    rows = [
        [str(t.number), *(console.value(t.params[n]) for n in names), console.value(t.value),
         *([console.value(t.spread)] if spread else []), _state(t, shortened), f"{t.seconds:.3g}"]
        for t in ended[:SHOWN]
    ]  # fmt: skip
    return header, rows


def _state(trial: "Trial", shortened: bool) -> str:
    """complete, pruned at a share of the run, or diverged; and whether it is the best, or tied with that one."""
    share = f" at {trial.fraction:.3g} of the run" if shortened and trial.fraction < 1 else ""
    return f"{trial.state}{share}" + (f", {trial.mark}" if trial.mark else "")


def _show_sweep(report: "SweepReport", console: SearchConsole) -> None:
    """What the range test suggests, over the seeds, and the exact answer where there is one."""
    found = report.sweep.suggestions
    rows = [
        [name.replace("_", " "), *map(console.value, (entry.median, entry.low, entry.high))]
        for name, entry in found.items()
    ]
    console.table(
        [f"learning rate, {report.sweep.seeds} seed(s)", "median", "lowest", "highest"],
        rows,
        least=("highest", "lowest"),
    )
    for name, value in report.sweep.exact.items():
        console.line(f"exact {name}: {console.value(value)}")
    console.line("")
    console.line(f"{report.status}, {duration(report.seconds)}; saved in {report.run}")
    if report.best:
        console.line(f"chosen: {console.value(report.best.params['lr'])} ({report.best.rule})")
        console.command(report.best.command)


COMMAND = TuneLr()
