"""What is shown of one run: facts, tables, settings, curves; of whatever its documents hold."""

from collections.abc import Iterator, Mapping, Sequence

from dlcli.files import JsonObject
from dlcli.reports.page.coefficients import coefficient_table
from dlcli.reports.page.figures import cell, figure
from dlcli.reports.page.lines import Line, line_chart
from dlcli.reports.page.pictures import picture_views
from dlcli.reports.page.source import Cell, Chart, Fact, RunView, Source, Table
from dlcli.reports.saved.metrics import number
from dlcli.text import duration

MOST_ROWS = 500  # of trials and columns of data
LISTED = 8  # of a list within one cell

# name in report.json -> what it is called
RUN_FACTS = {
    "device": "device", "seed": "seed", "optimizer": "optimizer", "lr": "learning rate", "loss": "loss", "task": "task",
    "arch": "network", "weights": "weights", "batch_size": "batch size", "crop": "crop", "best_step": "best step",
    "kept_step": "kept step", "selected_on": "selected on", "start": "started from", "method": "method",
    "training": "training", "dlcli": "dlcli",
}  # fmt: skip
FIT_FACTS = {
    "residual_sd": "residual sd", "condition_number": "condition number", "largest_stable_lr": "largest stable rate",
    "images_per_second": "images per second",
}  # fmt: skip
DATA_FACTS = {"target": "target", "rows": "rows", "classes": "classes", "aliased": "aliased columns"}


def run_view(source: Source) -> RunView:
    """All that is shown of a run."""
    sliders, pictures, left_out = picture_views(source.pictures)
    return RunView(
        name=source.name,
        status=source.status,
        facts=_run_facts(source),
        data=_data_facts(source),
        warnings=warnings_of(source),
        tables=[table for table in _tables(source) if table.rows],
        settings=_changed_settings(source),
        every_setting=_settings("All settings", source, source.settings),
        charts=charts_of([source]),
        sliders=sliders,
        pictures=pictures,
        left_out=left_out,
    )


def text_of(value: object) -> str:
    """A setting or a field of a report in words; empty for none."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.10g}"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, (list, tuple)):
        more = f" and {len(value) - LISTED:,} more" if len(value) > LISTED else ""
        return ", ".join(text_of(one) for one in value[:LISTED]) + more
    if isinstance(value, dict):
        return ", ".join(f"{name} {text_of(one)}" for name, one in list(value.items())[:LISTED])
    return str(value)


def _named(report: JsonObject, names: Mapping[str, str]) -> Iterator[Fact]:
    for field, name in names.items():
        value = report.get(field)
        if value not in (None, "", [], {}):
            plain = figure(value) if isinstance(value, float) else str(value) if field == "seed" else text_of(value)
            yield Fact(name, plain)


def _run_facts(source: Source) -> list[Fact]:
    report = source.report
    ended = source.status + (f": {source.reason}" if source.reason else "")
    facts = [Fact("command", source.command), Fact("status", ended)]
    if (steps := number(report.get("steps"))) is not None:
        facts.append(Fact("steps", f"{steps:,.0f}"))
    if (seconds := number(report.get("seconds"))) is not None:
        facts.append(Fact("time", duration(seconds)))
    facts += [*_named(report, RUN_FACTS), *_named(report, FIT_FACTS)]
    environment = report.get("environment")
    if isinstance(environment, dict):
        facts += _named(
            environment, {"python": "Python", "torch": "PyTorch", "platform": "platform", "threads": "threads"}
        )
    if revision := revision_of(report):
        facts.append(Fact("git commit", revision))
    return [fact for fact in facts if fact.text]


def revision_of(report: JsonObject) -> str:
    """The commit that a run was made at, in words; empty where it isn't known."""
    environment = report.get("environment")
    found = environment.get("git") if isinstance(environment, dict) else None
    if not isinstance(found, dict) or not isinstance(found.get("commit"), str):
        return ""
    dirty = {True: ", with changes that were not committed", None: ", perhaps with changes"}.get(found.get("dirty"), "")
    return f"{found['commit'][:12]}{dirty}"


def _data_facts(source: Source) -> list[Fact]:
    report = source.report
    facts = [Fact("files", text_of(list(source.data)))] if source.data else []
    facts += _named(report, DATA_FACTS)
    images, fingerprint, split = report.get("images"), report.get("fingerprint"), report.get("split")
    if isinstance(images, dict):
        facts.append(Fact("images", text_of(images)))
    if isinstance(fingerprint, dict):
        size, columns = number(fingerprint.get("bytes")), number(fingerprint.get("columns"))
        facts += [Fact("columns", f"{columns:,.0f}")] if columns is not None else []
        facts += [Fact("size", f"{size:,.0f} bytes")] if size is not None else []
        facts.append(Fact("fingerprint", text_of(fingerprint.get("digest"))))
    if isinstance(split, dict):
        facts += [Fact(name.replace("_", " "), text_of(value)) for name, value in split.items() if value]
    return [fact for fact in facts if fact.text]


def warnings_of(source: Source) -> list[str]:
    """What was warned of, and what was decided about doubtful data."""
    report, texts = source.report, list[str]()
    if source.status not in ("converged", "finished"):
        texts.append(f"The run is {source.status}" + (f": {source.reason}" if source.reason else ""))
    for field in ("warnings", "decisions"):
        for one in report.get(field) or () if isinstance(report.get(field), list) else ():
            texts.append(str(one.get("what", "")) if isinstance(one, dict) else str(one))
    if isinstance(why := report.get("std_error_reason"), str):
        texts.append(f"no standard errors: {why}")
    validation = report.get("validation")
    if isinstance(validation, dict) and isinstance(validation.get("verdict"), str):
        texts.append(validation["verdict"])
    return [text for text in texts if text]


def _tables(source: Source) -> Iterator[Table]:
    report = source.report
    yield metric_table(source.metrics)
    yield _folds(report)
    if (found := coefficient_table([source])) is not None:
        yield found
    classes = ("name", "images", "precision", "recall", "f1")
    yield _records("Classes", report.get("per_class"), classes)
    trials = report.get("trials")
    if isinstance(trials, list):
        flat = [{**t, **t["params"]} for t in trials if isinstance(t, dict) and isinstance(t.get("params"), dict)]
        options = list(dict.fromkeys(name for one in flat for name in one["params"]))
        flat.sort(key=lambda one: number(one.get("rank")) or float("inf"))
        yield _records("Trials", flat, ("number", *options, "value", "spread", "state", "steps", "seconds", "mark"))
    yield _records("Columns of the data", report.get("columns"), ("column", "holds", "used_as", "missing", "note"))


def metric_table(metrics: Mapping[str, float | None]) -> Table:
    """The metrics of one run: a row for each, a column for each part of the data."""
    parts = list(dict.fromkeys(name.partition(".")[0] for name in metrics))
    names = list(dict.fromkeys(name.partition(".")[2] for name in metrics))
    rows = [
        [Cell(name), *(cell(metrics[f"{p}.{name}"]) if f"{p}.{name}" in metrics else Cell("") for p in parts)]
        for name in names
    ]
    return Table("Metrics", ["metric", *parts], rows)


def _folds(report: JsonObject) -> Table:
    found = report.get("cv")
    metrics = found.get("metrics") if isinstance(found, dict) else None
    spreads = metrics.items() if isinstance(metrics, dict) else ()
    rows = [
        [Cell(name), cell(number(one.get("mean"))), cell(number(one.get("sd")))]
        for name, one in spreads
        if isinstance(one, dict)
    ]
    return Table("Cross-validation", ["metric", "mean over the folds", "standard deviation"], rows)


def _records(title: str, records: object, fields: Sequence[str]) -> Table:
    """A table of records with those of the fields that any has."""
    found = [one for one in records if isinstance(one, dict)] if isinstance(records, list) else []
    fields = [field for field in fields if any(one.get(field) not in (None, "") for one in found)]
    rows = [
        [Cell(text_of(one.get(fields[0]))), *(_cell(one.get(field)) for field in fields[1:])]
        for one in found[:MOST_ROWS]
        if fields
    ]
    more = len(found) - len(rows)
    return Table(
        title, [field.replace("_", " ") for field in fields], rows, f"{more:,} more are in report.json" if more else ""
    )


def _cell(value: object) -> Cell:
    found = number(value)
    return Cell(text_of(value)) if found is None else Cell(figure(found, 6), found)


def _changed_settings(source: Source) -> Table | None:
    changed = {n: v for n, v in source.settings.items() if v != source.defaults.get(n)}
    return _settings("Settings that are not the default", source, changed)


def _settings(title: str, source: Source, settings: Mapping[str, object]) -> Table | None:
    if not settings:
        return None
    rows = [
        [Cell(name), Cell(text_of(value) or "not set"), Cell(text_of(source.defaults.get(name)) or "not set")]
        for name, value in settings.items()
    ]
    return Table(title, ["setting", "value", "default"], rows)


def charts_of(sources: Sequence[Source]) -> list[Chart]:
    """The curves of one run, or those of several over each other."""
    drawn = []
    one = sources[0] if len(sources) == 1 else None
    if one is not None:
        lines = [_line("training", one, "loss"), _line("validation", one, "val_loss")]
        drawn.append(line_chart("Loss", "step", "loss", lines))
    else:
        for field, title in (("val_loss", "Validation loss"), ("loss", "Training loss")):
            drawn.append(line_chart(title, "step", "loss", [_line(s.name, s, field) for s in sources]))
    for field, title in (("psnr", "PSNR of validation images (dB)"), ("accuracy", "Accuracy in validation")):
        lines = [_line(s.name if one is None else field, s, field) for s in sources]
        if one is not None and field == "psnr":
            lines.append(_line("input", one, "input_psnr"))
        drawn.append(line_chart(title, "step", field, lines))
    drawn.append(line_chart("Learning rate", "step", "lr", [_line(s.name, s, "lr") for s in sources]))
    return [chart for chart in drawn if chart is not None]


def _line(name: str, source: Source, field: str) -> Line:
    """The curve of a field of metrics.jsonl; nan where a line has none."""
    points = []
    for record in source.records:
        step, value = number(record.get("step")), number(record.get(field))
        if step is not None:
            points.append((step, float("nan") if value is None else value))
    return Line(name, points)
