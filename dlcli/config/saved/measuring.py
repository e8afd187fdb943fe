"""What eval and predict may be told of how a model's classes are decided, and what eval may draw."""

from pathlib import Path

from pydantic import field_validator

from dlcli.config.base import Config
from dlcli.config.common import DATA
from dlcli.config.option import option
from dlcli.config.values.threshold import parse_threshold

THRESHOLD_NAMES = "cutoff decision_threshold prob_threshold classification_threshold"


class MeasuringOptions(Config):
    """Options of eval that only models of tables have."""

    threshold: str | None = option(
        None,
        "Of two classes: the probability from which on a row counts as of the second, or max-f1: the one with the "
        "largest F1 on the rows measured, which is said. By default the more probable class.",
        panel=DATA,
        metavar="NUMBER|max-f1",
        also=THRESHOLD_NAMES,
    )
    weights: str | None = option(
        None,
        "Column of the rows' weights, 0 or more; by default that of the training, where the data have it.",
        panel=DATA,
        metavar="COLUMN",
        also="weight sample_weight sample_weights case_weights weight_column weights_column wt",
    )
    quantile: float | None = option(
        None,
        "Of numbers: also measure the pinball loss of this quantile.",
        panel=DATA,
        gt=0,
        lt=1,
        metavar="NUMBER",
        also="q pinball alpha tau percentile",
    )

    charts: Path | None = option(
        None,
        "Also draw the pictures that fit the data, as PNG files in this folder: residuals and predictions; of classes "
        "ROC, precision-recall, calibration and confusion.",
        panel=DATA,
        complete="dir",
        metavar="FOLDER",
        also="plots pictures diagnostics figures plot plot_dir draw",
    )

    @field_validator("threshold", mode="before")
    @classmethod
    def _threshold(cls, value: object) -> object:
        return _checked(value, chosen=True)


class DecidingOptions(Config):
    """Options of predict that only models of classes have."""

    threshold: str | None = option(
        None,
        "Of two classes: the probability from which on a row counts as of the second. By default the more probable "
        "class.",
        panel=DATA,
        metavar="NUMBER",
        also=THRESHOLD_NAMES,
    )

    @field_validator("threshold", mode="before")
    @classmethod
    def _threshold(cls, value: object) -> object:
        return _checked(value, chosen=False)


def _checked(value: object, *, chosen: bool) -> object:
    if value is None:
        return None
    parse_threshold(str(value), chosen=chosen)
    return str(value)
