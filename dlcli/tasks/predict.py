"""``dlcli predict`` as a function: config in, predictions out."""

from dlcli.config.evaluate import PredictConfig
from dlcli.engine.progress import Progress, Silent
from dlcli.linear.predict import predict_linear
from dlcli.reports.predict import PredictReport
from dlcli.tasks.saved import holds_network


def predict(config: PredictConfig, progress: Progress | None = None) -> PredictReport:
    """Predict with a saved model: a row for each row of a table, or an image for each image.

    Returns the report. Raises DlcliError for a damaged model, data that don't fit it, and an ``out`` that can't be.
    """
    progress = progress or Silent()
    if holds_network(config):
        from dlcli.networks.inference.predict import predict_network

        return predict_network(config, progress)
    return predict_linear(config, progress)
