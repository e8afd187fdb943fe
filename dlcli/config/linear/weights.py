"""Options of how much each row counts, and of what its score has beside the features."""

from typing import Literal

from pydantic import field_validator

from dlcli.config.base import Config
from dlcli.config.common import DATA, MODEL
from dlcli.config.option import option
from dlcli.config.values.class_weights import weights_by_name


class WeightOptions(Config):
    """Weights of rows and classes, and offsets."""

    weights: str | None = option(
        None,
        "Column of the rows' weights, 0 or more, by which everything that is summed over rows is weighted; it is no "
        "feature unless --features names it.",
        panel=DATA,
        metavar="COLUMN",
        also="weight sample_weight sample_weights case_weights weight_column weights_column wt freq_weights fweight",
    )
    weights_kind: Literal["frequency", "precision"] = option(
        "frequency",
        "frequency: a row of weight 3 is three rows; precision: its variance is a third, and it is one row.",
        panel=DATA,
        metavar="KIND",
        also="weight_kind weights_type weight_type",
        also_as={"analytic": "precision", "var_weights": "precision", "aweight": "precision"},
        needs=("weights", "COLUMN"),
    )
    offset: str | None = option(
        None,
        "Column that is added to each row's score, with a coefficient of 1; it is no feature unless --features names "
        "it.",
        panel=DATA,
        metavar="COLUMN",
        also="offset_column base_margin init_score baseline_score",
    )
    exposure: str | None = option(
        None,
        "Column whose logarithm is an offset, for losses with a log link.",
        panel=DATA,
        metavar="COLUMN",
        also="exposure_column exposures",
    )
    class_weight: str | None = option(
        None,
        "How much the rows of each class count in training, not in metrics: balanced (each class as much as the "
        "others), or CLASS=NUMBER for some, separated by commas.",
        panel=MODEL,
        metavar="balanced|CLASS=W",
        also="class_weights classes_weight is_unbalance scale_pos_weight auto_class_weights",
    )

    @field_validator("class_weight")
    @classmethod
    def _class_weight(cls, value: str | None) -> str | None:
        if value is not None:
            weights_by_name(value)
        return value
