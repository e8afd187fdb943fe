"""A fitted linear model taken from its run directory, and the table that it is applied to."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from dlcli.config.evaluate import EvalConfig, PredictConfig
from dlcli.config.federated.saved import settings_of
from dlcli.config.fit_linear import FitLinearConfig
from dlcli.config.saved.explain import ExplainConfig
from dlcli.engine.progress import Progress
from dlcli.errors import DlcliError
from dlcli.linear.data.scale import say_rounded
from dlcli.linear.data.table_data import ChunkSource
from dlcli.linear.model import LinearModel
from dlcli.runs import directory
from dlcli.runs.open import run_folder
from dlcli.tables.example import LineExample
from dlcli.tables.names import RowColumns
from dlcli.tables.options import read_options
from dlcli.tables.sources import Source
from dlcli.tables.table import Chunk, ReadOptions, Schema, Table
from dlcli.tables.terms.saved import read_schema
from dlcli.text import printable

INHERITED = ("delimiter", "header", "encoding", "sheet", "query", "skip", "comment", "uneven", "missing_values")
SavedRun = tuple[LinearModel, Schema, FitLinearConfig]


def load_run(run: Path) -> SavedRun:
    """Model, schema and config of a run directory. Raises DlcliError when something is missing or damaged."""
    run = run_folder(run)
    model = LinearModel.load(run / directory.MODEL)
    schema = read_schema(model.schema)
    if len(schema.encoded_names) != len(model.coefficients):
        raise DlcliError(
            f"{run / directory.MODEL} is damaged: its columns don't match its coefficients", "train it again"
        )
    if schema.log_target != (model.smearing is not None):
        raise DlcliError(
            f"{run / directory.MODEL} is damaged: it lacks the factor of its predictions", "train it again"
        )
    file = run / directory.CONFIG
    return model, schema, settings_of(file) if file.is_file() else FitLinearConfig()


def say_retransformed(model: LinearModel, schema: Schema, progress: Progress) -> None:
    """Say how predictions of a model of the target's logarithm are made."""
    if model.smearing is not None and schema.target is not None:
        progress.note(
            f"the model is of {printable(schema.modeled)}: predictions are exp of it, times {model.smearing:.6g} "
            f"(Duan's smearing), in units of {printable(schema.target.name)}"
        )


@dataclass(frozen=True)
class AppliedSettings:
    """The run whose model is applied, the ``data`` that it is applied to (none: those of the training), and how they
    are read; ``missing`` None: missing values are treated as in training. ``held`` is a table that a Python program
    holds, in place of ``data``.
    """

    run: Path
    data: tuple[str, ...]
    missing: str | None
    reading: ReadOptions
    held: Source | None = None

    @classmethod
    def of(cls, config: EvalConfig | PredictConfig | ExplainConfig) -> "AppliedSettings":
        """Those of a command."""
        keep = config.keep if isinstance(config, PredictConfig) else ()
        return cls(config.run, config.data, config.missing, read_options(config, keep=keep, unseen=config.unseen))


def open_data(
    settings: AppliedSettings,
    model: LinearModel,
    schema: Schema,
    trained: FitLinearConfig,
    progress: Progress,
    *,
    need_target: bool,
) -> ChunkSource:
    """The table to apply the model to: the training data if none is given."""
    missing = settings.missing or str(model.settings.get("missing", "error"))
    if settings.held is not None:
        options = replace(_as_trained(settings, trained), missing=missing)
        return Table.for_model([settings.held], schema, options, need_target=need_target)
    # Measuring without DATA is on the rows that were held out.
    sources = settings.data or (trained.val_data if need_target else ()) or trained.data
    if not sources:
        if not need_target:
            progress.note("no DATA given: using the built-in example, which the model was trained on")
        return LineExample(trained.seed_of_data)
    if not settings.data:
        if "-" in sources:
            raise DlcliError("the model was trained on standard input, which cannot be read again", "give DATA")
        if not need_target:
            progress.note("no DATA given: using the data that the model was trained on")
    # Training too measured the levels that only rows held out had as if they were the reference level.
    options = replace(_as_trained(settings, trained), missing=missing)
    if need_target and not settings.data and trained.holds_out:
        options = replace(options, unseen="baseline")
    named = RowColumns(options.beside.weights, model.beside.offset, model.beside.exposure)
    if need_target and named.weights is None:
        named = replace(named, weights_if_there=model.beside.weights)
    return Table.for_model(sources, schema, replace(options, beside=named), need_target=need_target)


def _as_trained(settings: AppliedSettings, trained: FitLinearConfig) -> ReadOptions:
    """Unless said otherwise, data are read as the training data were; of another format, only what is missing is."""
    same = settings.held is None and (settings.data == () or _format_of(settings.data) == _format_of(trained.data))
    names = INHERITED if same else ("missing_values",)
    before, usual, given = read_options(trained), ReadOptions(), settings.reading
    return replace(given, **{n: getattr(before, n) for n in names if getattr(given, n) == getattr(usual, n)})


def _format_of(data: tuple[str, ...]) -> list[str]:
    """What tells the format of the first source: the suffixes of a file, or the scheme of a URL."""
    first = data[0] if data else ""
    return [first.partition("://")[0]] if "://" in first else Path(first).suffixes


def chunks_of(table: ChunkSource, schema: Schema, progress: Progress) -> Iterator[Chunk]:
    """Chunks of the data that a model is applied to; of the first is said what training would say of its numbers."""
    first = True
    for chunk in table.chunks():
        if first and isinstance(table, Table):
            say_rounded(table, schema.encoded_names, chunk.X, progress)
        first = False
        yield chunk
