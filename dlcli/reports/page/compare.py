"""Several runs beside each other: metrics, settings that differ, curves, coefficients, what can't be compared."""

from collections.abc import Sequence

from dlcli.files import JsonObject
from dlcli.reports.page.coefficients import coefficient_table
from dlcli.reports.page.content import charts_of, revision_of, run_view, text_of, warnings_of
from dlcli.reports.page.figures import cell
from dlcli.reports.page.lines import MOST_LINES
from dlcli.reports.page.source import Cell, Page, RunView, Source, Table
from dlcli.reports.saved.metrics import higher_is_better

NOT_SET = "not set"
OF_LOSS = ("loss", "deviance", "d2")  # metrics that mean another thing for each loss
# What decides which rows or images are held out.
SPLIT = (
    "data", "val", "val_rows", "val_data", "group", "time", "data_seed", "seed", "cv", "val_clean", "targets", "sigma",
    "noise", "task", "scale", "blur", "quality", "poisson",
)  # fmt: skip


def page_of(sources: Sequence[Source], made: str) -> Page:
    """The page of one run, or the comparison of several."""
    if len(sources) == 1:
        return Page(f"{sources[0].command or 'Run'}: {sources[0].name}", made, [run_view(sources[0])])
    tables = [metrics_beside(sources), settings_beside(sources), coefficient_table(sources)]
    return Page(
        f"Comparison of {len(sources)} runs",
        made,
        [_brief(run_view(source)) for source in sources],
        notes_of(sources),
        [table for table in tables if table is not None],
        charts_of(sources),
    )


def _brief(view: RunView) -> RunView:
    """Without what the comparison shows."""
    return RunView(
        view.name, view.status, view.facts, view.data, view.warnings, sliders=view.sliders, pictures=view.pictures,
        left_out=view.left_out,
    )  # fmt: skip


def comparable(sources: Sequence[Source]) -> bool:
    """Whether metrics of the same name are of the same question: one command, target, kind of loss and task."""
    kinds = {
        (s.command, *(text_of(s.report.get(n)) for n in ("training", "target", "task", "metric"))) for s in sources
    }
    classes = {s.report.get("loss") == "cross-entropy" for s in sources if s.command.endswith("fit-linear")}
    return len(kinds) == 1 and len(classes) <= 1


def _fair(sources: Sequence[Source], name: str) -> bool:
    """Whether one run can be called the best by a metric: the same question, asked of the same data."""
    if name.rpartition(".")[2] in OF_LOSS and len({text_of(s.report.get("loss")) for s in sources}) > 1:
        return False
    return comparable(sources) and len(_prints(sources)) <= 1 and not _resplit(sources)


def _prints(sources: Sequence[Source]) -> set[str]:
    """The fingerprints of the data, of those runs that have one; without the names of files, where each is known."""
    found = [source.report.get("fingerprint") for source in sources]
    return {_content(one) for one in found if isinstance(one, dict) and "digest" in one}


def _content(fingerprint: JsonObject) -> str:
    each = fingerprint.get("each")
    if isinstance(each, list) and all(isinstance(one, list) and len(one) == 3 for one in each):
        return " ".join(str(one[2]) for one in each)
    return str(fingerprint["digest"])


def _resplit(sources: Sequence[Source]) -> list[str]:
    """Settings that differ and decide what is held out, or what is asked."""
    return [name for name in differing(sources) if name in SPLIT]


def metrics_beside(sources: Sequence[Source]) -> Table:
    """A row for each run, a column for each metric; the best of each is marked where they can be compared."""
    names = list(dict.fromkeys(name for source in sources for name in source.metrics))
    best = {n: _best(n, [s.metrics.get(n) for s in sources]) if _fair(sources, n) else None for n in names}
    rows = [
        [
            Cell(source.name), Cell(source.status),
            *(
                cell(source.metrics[name], best=best[name] is not None and source.metrics[name] == best[name])
                if name in source.metrics else Cell("–")
                for name in names
            ),
        ]
        for source in sources
    ]  # fmt: skip
    return Table("Metrics", ["run", "status", *names], rows)


def _best(name: str, values: Sequence[float | None]) -> float | None:
    """The best value, if there are several that differ."""
    known = [value for value in values if value is not None]
    if len(set(known)) < 2:
        return None
    return max(known) if higher_is_better(name) else min(known)


def differing(sources: Sequence[Source]) -> list[str]:
    """Names of the settings that differ; of runs of several commands, whose settings mean other things, the command."""
    if len({source.command for source in sources}) > 1:
        return ["command"]
    every = dict.fromkeys(name for source in sources for name in source.compared)
    return [name for name in every if any(s.compared.get(name) != sources[0].compared.get(name) for s in sources)]


def settings_beside(sources: Sequence[Source]) -> Table:
    """A row for each run, a column for each setting that differs."""
    names = differing(sources)
    note = "" if names else "All settings are equal."
    if len({source.command for source in sources}) > 1:
        note = "Other settings of different commands are not compared: they mean different things."
    rows = [
        [
            Cell(source.name),
            *(
                Cell(source.command if name == "command" else text_of(source.settings.get(name)) or NOT_SET)
                for name in names
            ),
        ]
        for source in sources
    ]
    return Table("Settings that differ", ["run", *names], rows if names else [], note)


def notes_of(sources: Sequence[Source]) -> list[str]:
    """What keeps the runs from being compared as they stand."""
    notes = []
    if not comparable(sources):
        notes.append("The runs are of different commands, targets, losses or tasks: their metrics are not comparable.")
    changed = _resplit(sources)
    if len(_prints(sources)) > 1:
        notes.append("The runs were trained on different data: their metrics are of different rows or images.")
    elif changed:
        notes.append(
            f"These settings differ, and may change what is held out or asked: {', '.join(changed)}. Metrics of "
            "validation may be of different rows or images."
        )
    revisions = {revision_of(source.report) for source in sources} - {""}
    if len(revisions) > 1:
        notes.append(f"The runs were made at different commits: {', '.join(sorted(revisions))}")
    notes += [f"{source.name}: {text}" for source in sources for text in warnings_of(source)]
    if len(sources) > MOST_LINES:
        notes.append(f"Curves are drawn of the first {MOST_LINES} runs that have one.")
    return notes
