"""``dlcli models`` as a function: config in, report out."""

import math
from pathlib import Path

from dlcli.config.images.options import BUNDLED
from dlcli.config.saved.models import ModelsConfig
from dlcli.files import JsonObject
from dlcli.reports.saved.models import BundledModel, ModelsReport
from dlcli.runs import bundled, directory
from dlcli.runs.model_file import read_header

MADE_BY = "made_by"


def list_models(config: ModelsConfig) -> ModelsReport:
    """The networks in the box, or the one that is asked for. Raises DlcliError for a name that isn't there."""
    if config.name is None:
        chosen = [bundled.ROOT / name for name in bundled.names()]
    else:
        name = config.name if config.name.startswith(BUNDLED) else BUNDLED + config.name
        chosen = bundled.folders(Path(name))
    return ModelsReport(command="models", models=[_model(folder) for folder in chosen])


def _model(folder: Path) -> BundledModel:
    path = folder / directory.MODEL
    description, shapes = read_header(path)
    task: JsonObject = description["task"]
    low, high = task["sigma"]
    return BundledModel(
        name=BUNDLED + folder.name,
        task=str(task["task"]),
        channels=int(task["channels"]),
        sigma=(float(low), float(high)),
        weights=sum(math.prod(shape) for shape in shapes.values()),
        bytes=path.stat().st_size,
        made_by=str(description[MADE_BY]),
        card=(folder / bundled.CARD).read_text(encoding="utf-8"),
    )
