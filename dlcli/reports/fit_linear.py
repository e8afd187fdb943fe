"""The report of ``fit-linear``."""

from typing import Literal

from pydantic import Field

from dlcli.reports.columns import ColumnEntry, DecisionEntry
from dlcli.reports.document import Environment, Fingerprint, Measured, Number, Record, Sparse, Text, TrainingReport
from dlcli.reports.federated.entries import FederationEntry
from dlcli.reports.inference import Summary
from dlcli.reports.linear.path import PathReport
from dlcli.reports.split import SplitEntry


class Coefficient(Record):
    """A coefficient of a model with one output."""

    value: Number = Field(description="in units of the target by units of the column")
    std_error: float | None = Field(description="standard error, in the units of the value; null where there is none")
    statistic: float | None = Field(default=None, description="t or z: value by std_error; see summary.inference")
    p: float | None = Field(default=None, description="two-sided p-value of 0")
    low: float | None = Field(default=None, description="lower end of the interval of summary.inference.confidence")
    high: float | None = Field(default=None, description="upper end of it")
    standardized: float | None = Field(
        default=None,
        description="value for columns (and a target of numbers) of standard deviation 1, where asked for",
    )


class ClassCoefficients(Record):
    """The coefficients of a column in a model of several classes, by class."""

    value: dict[Text, Number] = Field(description="log-odds by units of the column")
    std_error: dict[Text, float | None] = Field(description="standard errors, in the units of the values")
    statistic: dict[Text, float | None] | None = Field(default=None, description="z: values by std_error")
    p: dict[Text, float | None] | None = Field(default=None, description="two-sided p-values of 0")
    low: dict[Text, float | None] | None = Field(default=None, description="lower ends of the intervals")
    high: dict[Text, float | None] | None = Field(default=None, description="upper ends of them")
    standardized: dict[Text, float | None] | None = Field(
        default=None, description="values for columns of standard deviation 1, where asked for"
    )


class Spread(Record):
    """A metric over the folds of cross-validation."""

    mean: Number
    sd: Number = Field(description="standard deviation")
    each: list[Number] = Field(description="one value for each fold")


class CrossValidation(Record):
    """What cross-validation found on the fold that each fit left out."""

    folds: int
    metrics: dict[str, Spread]


class FamilyEntry(Record):
    """The family of a loss that is a deviance: how its mean hangs on the columns, and its variance on the mean."""

    link: Literal["log", "identity", "inverse"] = Field(description="log: log(mean) is linear in the columns")
    variance: str = Field(description="in words, as mean + 0.5 mean^2")
    alpha: float | None = Field(default=None, description="negative-binomial's; absent from others")
    alpha_std_error: float | None = Field(default=None, description="where alpha was estimated; else absent")
    power: float | None = Field(default=None, description="tweedie's; absent from others")


class HuberEntry(Record):
    """The threshold of Huber's loss."""

    delta: float | None = Field(description="of huber:DELTA, in units of the scale; null of huber-fixed")
    scale: float = Field(description="median of |residual| / 0.6745, in units of the target")
    threshold: float = Field(description="size of residuals from which the loss is linear, in units of the target")
    rows_beyond: Number = Field(description="rows whose residuals are larger, or what they weigh")


class RowWeights(Sparse):
    """How much rows counted."""

    column: Text | None = Field(default=None, description="that of the weights; absent without one")
    kind: Literal["frequency", "precision"] | None = Field(default=None, description="of that column's weights")
    total: Number | None = Field(default=None, description="sum of the weights of the rows trained on")
    classes: dict[Text, Number] | None = Field(
        default=None, description="what each class counted in training, by --class-weight; absent without"
    )


class LinearTraining(TrainingReport):
    """What was fitted, and how."""

    kept_step: int = Field(description="the step whose weights are saved")
    selected_on: str | None = Field(description="the metric that chose the step; null where none did")
    std_error_reason: str | None = Field(description="why there are no standard errors, in words; else null")
    loss: str = Field(description="the name in --loss: mse, cross-entropy, poisson, ...; see family")
    optimizer: str
    lr: Number = Field(description="the learning rate of the first step; null for methods without one")
    target: Text = Field(description="name of the column that is predicted, or log(name)")
    rows: int = Field(description="rows of data, those held out included")
    metrics: Measured


class LinearResult(LinearTraining):
    """The fitted model, in the units of the data."""

    coefficients: dict[Text, Coefficient] | dict[Text, ClassCoefficients] = Field(
        description="by the name of the column; the intercept under 'intercept'"
    )
    residual_sd: float | None = Field(description="residual standard error, in units of the target")
    r2: float | None = Field(description="R squared on the training rows")
    r2_uncentered: bool = Field(description="whether r2 is against predicting 0, as without an intercept")
    condition_number: float | None = Field(
        description="largest by smallest eigenvalue of the second moments of the standardized columns, aliased ones "
        "left out (and the L2 penalty); see summary.condition_number_at_least"
    )
    aliased: list[Text] = Field(description="columns that depend on earlier ones, and have coefficient 0")
    largest_stable_lr: float | None = Field(description="learning rate above which gradient descent diverges")
    environment: Environment


class FitLinearReport(LinearResult):
    """The report of ``fit-linear``."""

    command: Literal["fit-linear", "federate fit-linear"]
    summary: Summary | None = Field(default=None, description="the fit as a whole; absent from older reports")
    family: FamilyEntry | None = Field(
        default=None, description="of poisson, gamma, negative-binomial and tweedie; else absent"
    )
    quantile: float | None = Field(
        default=None, description="the one that is predicted, of --loss quantile; else absent"
    )
    huber: HuberEntry | None = Field(default=None, description="of --loss huber and huber-fixed; else absent")
    classes: list[Text] | None = Field(default=None, description="the classes, in order; absent for numbers")
    columns: list[ColumnEntry] | None = Field(
        default=None, description="how the table's columns were read and used; absent for the built-in example"
    )
    decisions: list[DecisionEntry] | None = Field(
        default=None, description="what was decided about the table; absent where there was nothing to decide"
    )
    smearing: float | None = Field(
        default=None,
        description="of a model of the target's logarithm: what exp of its predictions is multiplied by; else absent",
    )
    weights: RowWeights | None = Field(default=None, description="how rows counted; absent where each counted once")
    offset: Text | None = Field(default=None, description="column that was added to the scores; absent without one")
    exposure: Text | None = Field(default=None, description="column whose logarithm was; absent without one")
    split: SplitEntry | None = Field(
        default=None,
        description="rows held out and folds by --val-rows, --val-data, --group or --time; else absent",
    )
    cv: CrossValidation | None = Field(default=None, description="cross-validation; absent where there was none")
    fingerprint: Fingerprint | None = Field(
        default=None, description="of the files of the table; absent for the built-in example and from older reports"
    )
    warnings: list[Text] | None = Field(
        default=None, description="what was warned of, in words; absent where there was nothing"
    )
    federation: FederationEntry | None = Field(
        default=None, description="how clients trained it together; absent where the rows were in one place"
    )
    path: PathReport | None = Field(
        default=None, description="the path of penalties, by which cv is selected on; absent where there was none"
    )
