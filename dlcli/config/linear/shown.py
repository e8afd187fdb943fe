"""Options of what is said and drawn of a linear model."""

from typing import Literal

from dlcli.config.base import Config
from dlcli.config.common import INFERENCE, OUTPUT
from dlcli.config.option import option


class InferenceOptions(Config):
    """What the summary says of the coefficients."""

    robust: Literal["HC0", "HC1", "HC2", "HC3"] | None = option(
        None,
        "Standard errors that hold where rows differ in variance: HC0 is White's, HC1 that by degrees of freedom, "
        "HC2 and HC3 by leverages.",
        panel=INFERENCE,
        also="vce vcov cov_type hc sandwich robust_se white huber_white",
        also_as={"hc0": "HC0", "hc1": "HC1", "hc2": "HC2", "hc3": "HC3"},
    )
    cluster: str | None = option(
        None,
        "Column whose values say which rows hang together, for standard errors by clusters; no feature unless "
        "--features names it.",
        panel=INFERENCE,
        metavar="COLUMN",
        also="clusters cluster_by cluster_column cluster_id panel_id",
    )
    confidence: float = option(
        0.95,
        "Confidence of the coefficients' intervals.",
        panel=INFERENCE,
        gt=0,
        lt=1,
        also="confidence_level conf_level ci conf_int",
    )
    baseline: str | None = option(
        None,
        "Class that the others are compared with in the table of coefficients; by default of two the first, of more "
        "none: their coefficients sum to 0.",
        panel=INFERENCE,
        metavar="CLASS",
        also="base base_class reference_class base_outcome ref pivot",
    )
    per_sd: bool = option(
        False,
        "Also report coefficients of columns, and of a target of numbers, with standard deviation 1.",
        panel=INFERENCE,
        flags=("--per-sd",),
        also="betas beta_weights standardized standardized_coefficients std_coef standardised",
    )


class PictureOptions(Config):
    """What is drawn of the fitted model."""

    diagnostics: bool = option(
        False,
        "Also draw the fitted model into plots/: coefficients with intervals; of numbers residuals, Q-Q, scale, "
        "leverage and predictions, of some losses calibration; of classes ROC, precision-recall, calibration and "
        "confusion; and say how residuals of least squares are distributed. Reads DATA again.",
        panel=OUTPUT,
        flags=("--diagnostics",),
        also="pictures plot_diagnostics diagnostic_plots residual_plots plot_residuals plot_model",
    )
