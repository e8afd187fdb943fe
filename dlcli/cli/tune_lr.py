"""``dlcli tune-lr``: parses, runs the search, shows the result."""

from typing import Any

import typer

from dlcli.cli import process
from dlcli.cli.console import duration
from dlcli.cli.options import command_function
from dlcli.cli.search_console import SearchConsole
from dlcli.config.base import Config
from dlcli.config.tune_lr import TuneLrConfig
from dlcli.errors import DlcliError

SHOWN = 12  # trials that the last table lists

DOC = """Find the learning rate, the schedule, the filters: any option of a training command.

Options of the search come first; everything from `fit-linear` or `train-deconv` on is that command's own command line.

Examples:

- `dlcli tune-lr --grid` – 16 rates for fit-linear's built-in example

- `dlcli tune-lr --sweep fit-linear wine.csv --target quality` – range test, beside the exact answer

- `dlcli tune-lr --lr 1e-3:1 --vary schedule=constant,time,exponential fit-linear wine.csv --target quality --val 0.2`

- `dlcli tune-lr --vary filters=16,32,64 train-deconv photos/ --minutes 1` – the shape of a network and its rate

- `dlcli tune-lr --random --trials 40 --vary dropout=0:0.5 train-deconv mnist/ --task classify --epochs 2`

- `dlcli tune-lr --study wine --storage postgresql://me@db/studies fit-linear wine.csv` – the same command on many
machines shares one study
"""


def run(config: Config) -> None:
    """Search and show."""
    assert isinstance(config, TuneLrConfig)
    process.prepare()
    from dlcli.cli.app import ClickException, parse_config
    from dlcli.tasks.tune_lr import tune_lr

    words = list(config.training) or ["fit-linear"]
    try:
        base = parse_config(words[0], words[1:], None)
    except ClickException as error:
        flag = str(getattr(error, "option_name", ""))
        if flag.removeprefix("--").replace("-", "_") in TuneLrConfig.model_fields:
            raise DlcliError(f"{flag} behind {words[0]}: it is tune-lr's own", f"put it before {words[0]}") from None
        raise
    console = SearchConsole(quiet=config.quiet, json_output=config.json_output)
    report = tune_lr(config, base, console)
    if config.json_output:
        console.document(report)
    elif not config.quiet:
        _show_sweep(report, console) if "sweep" in report else _show(report, console)
    if report["signal"]:
        raise typer.Exit(128 + report["signal"])


def _show(report: dict[str, Any], console: SearchConsole) -> None:
    """The best trials, what matters, and the command that trains with the best."""
    from dlcli.search.report import tie_of

    names, trials = report["options"], report["trials"]
    ended = [t for t in trials if t["state"] in ("complete", "pruned", "diverged")]
    ended.sort(key=lambda t: (t["rank"] is None, t["rank"] or 0))
    spread = any(t["spread"] is not None for t in ended)
    shortened = any(t["fraction"] < 1 for t in ended)
    header = ["trial", *names, report["metric"], *(["spread"] if spread else []), "state", "seconds"]
    rows = [
        [str(t["number"]), *(console.value(t["params"][n]) for n in names), console.value(t["value"]),
         *([console.value(t["spread"])] if spread else []), _state(t, shortened), f"{t['seconds']:.3g}"]
        for t in ended[:SHOWN]
    ]  # fmt: skip
    console.table(header, rows)
    if len(ended) > SHOWN:
        console.line(f"... {len(ended) - SHOWN:,} more in {report['run']}/trials.csv")
    if report["importances"]:
        shares = sorted(report["importances"].items(), key=lambda item: -item[1])
        console.line("")
        of = report["importances_share"]
        runs = f" (by runs of {of:.3g} of the length)" if of < 1 else ""
        console.line(f"importance{runs}: " + ", ".join(f"{name} {share:.0%}" for name, share in shares))
    console.line("")
    if tie := tie_of(report):
        console.line(tie)
    left = len(trials) - len(ended)
    count = "one trial" if len(ended) == 1 else f"{len(ended):,} trials"
    state = f"{report['status']} after {count}" + (f", {left:,} left" if left else "")
    console.line(f"{state} ({report['reason']}), {duration(report['seconds'])}; saved in {report['run']}")
    if report["best"]:
        console.line(report["best"]["command"])


def _state(trial: dict[str, Any], shortened: bool) -> str:
    """complete, pruned at a share of the run, or diverged."""
    share = f" at {trial['fraction']:.3g} of the run" if shortened and trial["fraction"] < 1 else ""
    return f"{trial['state']}{share}"


def _show_sweep(report: dict[str, Any], console: SearchConsole) -> None:
    """What the range test suggests, over the seeds, and the exact answer where there is one."""
    found = report["sweep"]["suggestions"]
    rows = [
        [name.replace("_", " "), *(console.value(entry[key]) for key in ("median", "low", "high"))]
        for name, entry in found.items()
    ]
    console.table([f"learning rate, {report['sweep']['seeds']} seed(s)", "median", "lowest", "highest"], rows)
    for name, value in report["sweep"]["exact"].items():
        console.line(f"exact {name}: {console.value(value)}")
    console.line("")
    console.line(f"{report['status']}, {duration(report['seconds'])}; saved in {report['run']}")
    if report["best"]:
        console.line(f"chosen: {console.value(report['best']['params']['lr'])} ({report['best']['rule']})")
        console.line(report["best"]["command"])


CONFIG = TuneLrConfig
# Options of the search end where the training command's name stands.
CONTEXT = {"allow_interspersed_args": False}
command = command_function(TuneLrConfig, run, DOC)
