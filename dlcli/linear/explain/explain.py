"""``dlcli explain`` of a linear model."""

import time

from dlcli.engine.arrays import FloatArray
from dlcli.engine.progress import Progress, Silent
from dlcli.linear.explain.findings import findings_of
from dlcli.linear.explain.found import Found, Subject, Summed
from dlcli.linear.explain.inflation import MOST_COLUMNS, Inflation, inflation, moments_of
from dlcli.linear.explain.loss_rows import metric_of, row_losses
from dlcli.linear.explain.parts import Contributions, parts_of
from dlcli.linear.explain.passes import summed, write_table
from dlcli.linear.explain.permutation import Measured, Permuting, Remade, permutation_importance
from dlcli.linear.explain.pictures import pictures_of
from dlcli.linear.explain.report import columns_of, permuted_of
from dlcli.linear.explain.rows import OF_TARGETS, ExplainedRows, plain_table, rows_to_explain
from dlcli.linear.explain.sample import plain_values
from dlcli.linear.explain.settings import LinearExplaining
from dlcli.linear.saved import AppliedSettings, load_run, say_retransformed
from dlcli.reports.document import environment
from dlcli.reports.explain.base import Explained
from dlcli.reports.explain.linear import LinearExplanation
from dlcli.reports.head import evaluation_head
from dlcli.runs.directory import RunDirectory
from dlcli.tables.layout import ColumnLayout
from dlcli.tables.terms.design import Design
from dlcli.text import counted, printable


def explain_linear(
    settings: AppliedSettings, explaining: LinearExplaining, folder: RunDirectory, progress: Progress
) -> Explained:
    """Explain a linear model on the rows of a table, or on those held out in training.

    Raises DlcliError for data that don't fit the model.
    """
    start = time.monotonic()
    saved = load_run(settings.run)
    model, schema, _ = saved
    subject = Subject(
        model, schema, Contributions.of(parts_of(schema), (model.coefficients, model.intercept), model.fill)
    )
    say_retransformed(model, schema, progress)
    rows = rows_to_explain(settings, saved, explaining.asked, progress)
    methods = explaining.methods if rows.target else explaining.without(*OF_TARGETS)
    passed = summed(rows, subject, explaining, progress)
    plain = None
    if isinstance(schema.design, Design) and methods != ("vif",):
        table, _ = plain_table(settings, saved, Silent(), target=rows.target)
        plain = plain_values(table.chunks(), passed.sample.numbers)
    measured = _measured(subject, passed, plain, explaining) if "permutation" in methods else None
    factors = _factors(subject, rows, progress) if "vif" in methods else None
    found = Found(subject, rows, passed, methods, plain, measured, factors)
    pictures, draw = pictures_of(found, explaining.format)
    for text in rows.table.warnings:
        progress.warn(text)
    if rows.table.dropped:
        progress.note(f"dropped {counted(rows.table.dropped, 'row')} with missing values; {passed.rows:,} are left")
    sample, beside = passed.sample, model.beside
    report = LinearExplanation(
        **evaluation_head(settings.run, "cpu", explaining.seed, start),
        command="explain",
        kind="linear",
        out=str(folder.path),
        data=rows.on,
        methods=list(methods),
        metrics={} if measured is None else {"test": {metric_of(model).name: measured.metric}},
        findings=findings_of(found),
        pictures=pictures,
        environment=environment("cpu"),
        target=printable(subject.target),
        rows=passed.rows,
        scale=subject.scale,
        classes=[printable(level) for level in subject.classes],
        base=subject.contributions.base.tolist(),
        columns=columns_of(found),
        permuted=permuted_of(found, explaining.repeats),
        vif_of=None if factors is None else rows.training_name,
        weights=None if sample.weights is None else printable(beside.weights or ""),
        offset=None if sample.offset is None else printable(beside.offset or beside.exposure or ""),
        table=write_table(rows, subject, folder, explaining.table_of(passed.rows)) if "shap" in methods else None,
    )
    return Explained(report, draw)


def _measured(subject: Subject, passed: Summed, plain: FloatArray | None, explaining: LinearExplaining) -> Measured:
    remade = None
    if plain is not None and isinstance(subject.schema.design, Design):
        cells = ColumnLayout(subject.schema.features).cells(plain)
        remade = Remade(cells, subject.schema.design, subject.model.fill)
    how = Permuting(explaining.repeats, explaining.seed, remade)
    losses = row_losses(subject.model, passed.sample.y)
    return permutation_importance(subject.contributions, passed.sample, losses, metric_of(subject.model), how)


def _factors(subject: Subject, rows: ExplainedRows, progress: Progress) -> list[Inflation | None] | None:
    """The variance inflation of each part; None of very many columns."""
    columns = len(subject.model.coefficients)
    if columns > MOST_COLUMNS:
        progress.note(f"no variance inflation factors: {columns:,} columns are more than {MOST_COLUMNS:,}")
        return None
    intercept = bool(subject.model.settings.get("intercept", True))
    moments = moments_of(subject.model, rows.training())
    return inflation(moments, subject.contributions.parts, intercept=intercept)
