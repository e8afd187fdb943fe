"""Options of what a linear model is."""

from typing import Literal

from dlcli.config.base import Config
from dlcli.config.common import MODEL
from dlcli.config.option import option
from dlcli.config.values.loss import loss_forms

LossName = Literal[
    "auto", "mse", "cross-entropy", "poisson", "gamma", "negative-binomial", "tweedie:1.5", "quantile:0.5", "huber",
    "huber-fixed:1",
]  # fmt: skip


class LinearModelOptions(Config):
    """What is fitted."""

    # The words are those that shells complete.
    loss: LossName | str = option(
        "auto",
        "Mean squared error; cross-entropy for classes (two: logistic, more: softmax); the deviance of counts "
        "(poisson; negative-binomial, whose ALPHA is estimated if not given) or of positive numbers (gamma; tweedie:P, "
        "of variance mean^P); the pinball loss of a quantile (quantile:0.5: the median); Huber's loss, whose DELTA is "
        "1.345 if not given and counts in robust standard deviations of the residuals, or with huber-fixed in units of "
        "the target. auto: mse for a target of numbers, cross-entropy for one of text.",
        panel=MODEL,
        metavar="|".join(loss_forms()),
        also="criterion objective loss_fn loss_function family model model_type task problem distribution",
        also_as={
            "poisson": "poisson",
            "gamma": "gamma",
            "negative_binomial": "negative-binomial",
            "lad": "quantile:0.5",
            "huber": "huber",
            "rlm": "huber",
        },
    )
    link: Literal["auto", "log", "identity", "inverse"] = option(
        "auto",
        "How the mean hangs on the columns with poisson, gamma, negative-binomial and tweedie: log(mean), the mean, or "
        "1/mean is linear in them. auto: log; of tweedie:0 identity.",
        panel=MODEL,
        also="link_function link_fn glm_link",
    )
    intercept: bool = option(
        True,
        "Fit an intercept.",
        panel=MODEL,
        flags=("--intercept/--no-intercept",),
        also="fit_intercept bias use_bias add_constant constant const add_intercept",
        also_as={"no_bias": False, "no_constant": False, "no_const": False, "no_fit_intercept": False},
    )
    standardize: bool = option(
        True,
        "Train on standardized columns; coefficients are always reported in the units of the data.",
        panel=MODEL,
        flags=("--standardize/--no-standardize",),
        also="standardise normalize normalise scale scaler scaling standard_scaler zscore",
        also_as={"no_standardise": False, "no_normalize": False, "no_scale": False, "no_scaling": False},
    )
