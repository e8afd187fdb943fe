"""A fitted linear model taken from its run directory, and the table that it is applied to."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from dlcli.config.evaluate import EvalConfig, PredictConfig
from dlcli.config.fit_linear import FitLinearConfig
from dlcli.engine.progress import Progress
from dlcli.errors import DlcliError
from dlcli.linear.data.scale import say_rounded
from dlcli.linear.data.table_data import ChunkSource
from dlcli.linear.model import LinearModel
from dlcli.runs import directory
from dlcli.runs.open import run_folder
from dlcli.tables.example import LineExample
from dlcli.tables.options import read_options
from dlcli.tables.table import Chunk, Schema, Table


def load_run(run: Path) -> tuple[LinearModel, Schema, FitLinearConfig]:
    """Model, schema and config of a run directory. Raises DlcliError when something is missing or damaged."""
    run = run_folder(run)
    model = LinearModel.load(run / directory.MODEL)
    schema = Schema.from_json(model.schema)
    if len(schema.encoded_names) != len(model.coefficients):
        raise DlcliError(
            f"{run / directory.MODEL} is damaged: its columns don't match its coefficients", "train it again"
        )
    if (run / directory.CONFIG).is_file():
        return model, schema, FitLinearConfig.build({}, run / directory.CONFIG)
    return model, schema, FitLinearConfig()


def open_data(
    config: EvalConfig | PredictConfig,
    model: LinearModel,
    schema: Schema,
    trained: FitLinearConfig,
    progress: Progress,
    *,
    need_target: bool,
) -> tuple[ChunkSource, str]:
    """The table to apply the model to (the training data if none is given), and how missing values are treated."""
    missing = config.missing or str(model.settings.get("missing", "error"))
    # Unless said otherwise, data are read as the training data were.
    unset = {
        name: getattr(trained, name)
        for name in ("delimiter", "header", "encoding", "missing_value", "text", "max_categories")
        if getattr(config, name) == type(config).model_fields[name].default
    }
    same = config.data == () or Path(config.data[0]).suffixes == Path((trained.data or ("",))[0]).suffixes
    reading = config.model_copy(update=unset) if same else config.model_copy(update={
        "missing_value": unset.get("missing_value", config.missing_value)
    })  # fmt: skip
    sources = config.data or trained.data
    if not sources:
        if not need_target:
            progress.note("no DATA given: using the built-in example, which the model was trained on")
        return LineExample(trained.seed_of_data), missing
    if not config.data:
        if "-" in sources:
            raise DlcliError("the model was trained on standard input, which cannot be read again", "give DATA")
        if not need_target:
            progress.note("no DATA given: using the data that the model was trained on")
    options = read_options(reading, missing=missing)
    # Training too measured the levels that only rows held out had as if they were the reference level.
    options = replace(options, unseen_levels=bool(need_target and not config.data and trained.val))
    table = Table.for_model(sources, schema, options, need_target=need_target)
    return table, missing


def chunks_of(table: ChunkSource, schema: Schema, progress: Progress) -> Iterator[Chunk]:
    """Chunks of the data that a model is applied to; of the first is said what training would say of its numbers."""
    first = True
    for chunk in table.chunks():
        if first and isinstance(table, Table):
            say_rounded(table, schema.encoded_names, chunk.X, progress)
        first = False
        yield chunk
