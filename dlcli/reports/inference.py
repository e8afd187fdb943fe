"""What the report of ``fit-linear`` says of a fit as a whole: tests, likelihoods, classes."""

from typing import Literal

from pydantic import Field

from dlcli.reports.document import Number, Record, Sparse, Text


class Inference(Sparse):
    """How standard errors, tests and intervals of coefficients were computed."""

    statistic: Literal["t", "z"] = Field(description="t: by Student's t; z: by the normal distribution")
    df: float | None = Field(description="degrees of freedom of t; null for z")
    confidence: float = Field(description="of the intervals low to high")
    covariance: str = Field(
        description="classical: from the optimum's curvature; HC0 to HC3; cluster; nid: by densities at a quantile; "
        "H1: of Huber's loss"
    )
    cluster: Text | None = Field(default=None, description="column of the clusters; absent without")
    clusters: int | None = Field(default=None, description="clusters among the rows trained on; absent without")


class OverallTest(Record):
    """A test of all slopes together."""

    kind: Literal["F", "likelihood ratio", "Wald"]
    value: Number
    df: int = Field(description="slopes that are tested together")
    df_residual: float | None = Field(description="of an F; null where the statistic is a chi-square")
    p: Number


class Likelihood(Record):
    """Of a fit by maximum likelihood."""

    log_likelihood: Number
    null_log_likelihood: Number = Field(description="that of the intercept alone, or where there is none of zeros")
    aic: Number = Field(description="twice the coefficients (times the classes less one) less twice log_likelihood")
    bic: Number = Field(description="the same with log(rows) in place of the first 2")
    deviance: Number = Field(description="residual sum of squares; of classes -2 log_likelihood; of families theirs")
    null_deviance: Number
    dispersion: Number = Field(
        description="residual variance; of gamma and tweedie Pearson's chi-square by df_residual; of others 1"
    )
    pearson: Number | None = Field(default=None, description="Pearson's chi-square; absent from mse and classes")


class Residuals(Sparse):
    """The residuals of the rows trained on, in units of the target, as tests and intervals of least squares see them.

    With weights of frequency a row counts as often as its weight says; those of precision scale residuals by their
    roots.
    """

    min: Number
    q1: Number = Field(description="lower quartile")
    median: Number
    q3: Number = Field(description="upper quartile")
    max: Number
    sampled: int | None = Field(
        default=None, description="rows drawn at random of which the quartiles are; absent where they are of all rows"
    )
    skewness: Number = Field(description="0 of a normal distribution")
    kurtosis: Number = Field(description="3 of a normal distribution")
    jarque_bera: Number = Field(description="chi-square with two degrees of freedom if residuals are normal")
    jarque_bera_p: Number
    omnibus: Number | None = Field(
        default=None, description="D'Agostino and Pearson's K2, likewise; absent below 8 rows"
    )
    omnibus_p: Number | None = Field(default=None)
    durbin_watson: Number = Field(
        description="0 to 4; near 2 where residuals don't hang on those of the rows before, as the table orders them"
    )


class ClassSummary(Record):
    """What a model of classes compares."""

    modeled: Text = Field(description="which class's log-odds the coefficients are, against what")
    baseline: Text | None = Field(description="the class that others are compared with; null: their geometric mean")
    majority: Text = Field(description="the most frequent class of the training rows")
    majority_accuracy: Number = Field(description="the accuracy of always saying it")
    counts: dict[Text, int | float] = Field(description="training rows of each class; with weights the sum of these")


class Summary(Record):
    """A fit as a whole, on the rows trained on; what would be wrong is null, and std_error_reason says why."""

    rows: int | float = Field(description="rows trained on; with weights of frequency the sum of these")
    rank: int = Field(description="coefficients that the data determine, the intercept with them; of each class")
    df_residual: int | float = Field(description="rows less coefficients")
    r2_adjusted: Number | None = Field(description="R squared adjusted for degrees of freedom; of numbers")
    inference: Inference | None = Field(description="null where there are no standard errors")
    test: OverallTest | None = Field(description="of all slopes against none")
    likelihood: Likelihood | None
    classes: ClassSummary | None = Field(description="null for numbers")
    levels: dict[Text, int] = Field(description="levels of each text column, the reference with them")
    residuals: Residuals | None = Field(
        default=None, description="of mse with --diagnostics, which reads the rows once more; else null"
    )
    condition_number_at_least: bool = Field(description="whether rounding hides how large the condition number is")
