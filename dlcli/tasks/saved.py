"""A run directory as eval and predict take it up: which kind of model it holds, and a linear model with its table."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from dlcli.config.base import Config, field_meta, flag_of
from dlcli.config.common import DATA, IMAGES
from dlcli.config.evaluate import EvalConfig, PredictConfig
from dlcli.config.fit_linear import FitLinearConfig
from dlcli.data.demos import LineExample
from dlcli.data.table import Chunk, Schema, Table
from dlcli.errors import DlcliError
from dlcli.models.file import PICKLES, read_kind
from dlcli.models.linear import KIND as LINEAR
from dlcli.models.linear import LinearModel
from dlcli.runs import directory
from dlcli.tasks.linear_data import ChunkSource
from dlcli.tasks.linear_scale import say_rounded
from dlcli.tasks.progress import Progress
from dlcli.tasks.tables import read_options

NETWORK = "dlcli-deconv"  # the kind of dlcli.models.saved_deconv, which imports torch


def run_folder(run: Path) -> Path:
    """The run directory that ``run`` means: itself, or that of the model file. Raises DlcliError if there is none."""
    if run.suffix in PICKLES:
        raise DlcliError(f"{run} is a pickle, which can run any code, so dlcli never opens one", "give a run directory")
    if run.name == directory.MODEL:
        run = run.parent
    if not run.is_dir():
        raise DlcliError(
            f"there is no run directory {run}",
            "give one that 'dlcli fit-linear' or 'dlcli train-deconv' made, such as runs/fit-linear-001",
        )
    return run


def holds_network(config: EvalConfig | PredictConfig) -> bool:
    """Whether the run holds an image network, by a look at its model's header, which needs no torch.

    Raises DlcliError for no run, a model that dlcli didn't make, and options that the run's kind doesn't have.
    """
    model = run_folder(config.run) / directory.MODEL
    kind = read_kind(model)
    if kind is None and model.is_file():
        LinearModel.load(model)  # says what is wrong with the file
    if kind not in (None, LINEAR, NETWORK):
        raise DlcliError(f"{model} holds a model of kind {kind!r}, which this version doesn't know", "update dlcli")
    if kind == NETWORK:
        _refuse(config, DATA, "is for tables, and this run holds an image network")
        return True
    _refuse(config, IMAGES, "is for image networks, and this run holds a linear model")
    return False


def _refuse(config: Config, panel: str, why: str) -> None:
    for name, field in type(config).model_fields.items():
        meta = field_meta(type(config), name)
        if meta.panel == panel and not meta.argument and getattr(config, name) != field.default:
            raise DlcliError(f"{flag_of(type(config), name)} {why}", "leave it out")


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
            raise DlcliError("the model was trained on standard input, which is gone", "give DATA")
        if not need_target:
            progress.note("no DATA given: using the data that the model was trained on")
    options = read_options(reading, missing=missing)
    # Training too measured the levels that only rows held out had as if they were the reference level.
    options = replace(options, unseen_levels=bool(need_target and not config.data and trained.val))
    table = Table.open(sources, None, options, schema=schema, need_target=need_target)
    return table, missing


def chunks_of(table: ChunkSource, schema: Schema, progress: Progress) -> Iterator[Chunk]:
    """Chunks of the data that a model is applied to; of the first is said what training would say of its numbers."""
    first = True
    for chunk in table.chunks():
        if first and isinstance(table, Table):
            say_rounded(table, schema.encoded_names, chunk.X, progress)
        first = False
        yield chunk
