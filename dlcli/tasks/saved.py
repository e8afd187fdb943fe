"""A run directory as eval and predict take it up: which kind of model it holds, and a linear model with its table."""

from pathlib import Path

from dlcli.config.base import Config
from dlcli.config.common import DATA, IMAGES
from dlcli.config.evaluate import SavedOptions
from dlcli.config.option import field_meta, flag_of
from dlcli.errors import DlcliError
from dlcli.linear.model import KIND as LINEAR
from dlcli.linear.model import LinearModel
from dlcli.runs import directory
from dlcli.runs.model_file import read_kind
from dlcli.runs.open import run_folder

NETWORK = "dlcli-deconv"  # the kind of dlcli.networks.model.saved, which imports torch


def holds_network(config: SavedOptions) -> bool:
    """Whether the run holds an image network.

    Raises DlcliError for no run, a model that dlcli didn't make, and options that the run's kind doesn't have.
    """
    if is_network(config.run):
        _refuse(config, DATA, "is for tables, and this run holds an image network")
        return True
    _refuse(config, IMAGES, "is for image networks, and this run holds a linear model")
    return False


def is_network(run: Path) -> bool:
    """Whether a run holds an image network, by a look at its model's header, which needs no torch.

    Raises DlcliError for no run, and a model that dlcli didn't make.
    """
    model = run_folder(run) / directory.MODEL
    if not model.is_file():
        hint = "give a run directory of 'dlcli fit-linear' or 'dlcli train-deconv' that holds one"
        raise DlcliError(f"there is no model at {model}", hint)
    kind = read_kind(model)
    if kind is None:
        LinearModel.load(model)  # says what is wrong with the file
    if kind not in (None, LINEAR, NETWORK):
        raise DlcliError(f"{model} holds a model of kind {kind!r}, which this version doesn't know", "update dlcli")
    return kind == NETWORK


def _refuse(config: Config, panel: str, why: str) -> None:
    for name, field in type(config).model_fields.items():
        meta = field_meta(type(config), name)
        if meta.panel == panel and not meta.argument and getattr(config, name) != field.default:
            raise DlcliError(f"{flag_of(type(config), name)} {why}", "leave it out")
