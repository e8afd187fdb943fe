"""``dlcli predict`` as a function: config in, predictions out."""

from dlcli.config.evaluate import PredictConfig
from dlcli.engine.progress import Progress, Silent
from dlcli.errors import DlcliError
from dlcli.linear.predict import predict_linear
from dlcli.linear.saved import AppliedSettings
from dlcli.reports.predict import PredictReport
from dlcli.tables.predictions import OutputSettings
from dlcli.tasks.saved import holds_network


def predict(config: PredictConfig, progress: Progress | None = None) -> PredictReport:
    """Predict with a saved model: a row for each row of a table, or an image for each image.

    Returns the report. Raises DlcliError for a damaged model, data that don't fit it, and an ``out`` that can't be.
    """
    progress = progress or Silent()
    if holds_network(config):
        from dlcli.networks.inference.predict import predict_network
        from dlcli.networks.inference.settings import PredictionSettings

        return predict_network(PredictionSettings.of(config), progress)
    images = {
        "--mask": config.mask,
        "--format": config.image_format,
        "--dtype": config.dtype,
        "--before-after": config.before_after,
    }
    if given := next((name for name, value in images.items() if value is not None), ""):
        raise DlcliError(f"{given} is for networks that restore images, and this model is of a table", "leave it out")
    output = OutputSettings(config.out, config.force, config.json_output)
    threshold = None if config.threshold is None else float(config.threshold)
    return predict_linear(AppliedSettings.of(config), output, progress, config.interval, threshold)
