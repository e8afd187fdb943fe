"""The reports of ``eval``: of a table, of images that are restored, and of images that are classified."""

from typing import Literal

from pydantic import Field

from dlcli.reports.checks import CheckOutcome
from dlcli.reports.document import Environment, Measured, Number, Record, RunReport, Sparse, Text
from dlcli.reports.measured_on import MeasuredOn
from dlcli.reports.saved.against import Against
from dlcli.reports.train_deconv import PSNR_OF, ClassQuality, Level
from dlcli.text import counted

RMSE = "error in the units of the images; absent where images and network are of 8 bits"


class Evaluation(RunReport):
    """What measuring any model reports."""

    command: Literal["eval"]
    against: Against | None = Field(default=None, description="the comparison with another model; absent without one")


class MeasuredClass(Record):
    """How well one class is told from the others."""

    name: Text
    rows: int | float = Field(description="rows of the class that were measured; with weights the sum of these")
    guessed: int | float = Field(description="rows that were taken for it; with weights the sum of these")
    precision: Number = Field(description="share of those taken for it that are of it; null where there are none")
    recall: Number = Field(description="share of its rows that were taken for it; null where it has none")
    f1: Number = Field(description="harmonic mean of precision and recall; null where there is neither")


class ClassesEvaluated(Record):
    """How the classes of a table are told apart."""

    positive: Text | None = Field(description="of two classes the one whose precision, recall and f1 are in metrics")
    threshold: float | None = Field(
        description="probability from which on a row counts as of the positive class; null: the most probable class"
    )
    threshold_selected_here: bool = Field(description="whether the threshold was chosen on these very rows")
    majority: Text = Field(description="the class with the most rows of those measured, which majority_accuracy is of")
    per_class: list[MeasuredClass] | None = Field(description="each class; null for many")
    confusion: list[list[int | float]] | None = Field(
        description="counts, with weights the sums of these: a row for each true class, a column for each it was taken "
        "for; null for many classes"
    )


class TableEvalReport(Evaluation):
    """The report of ``eval`` of a linear model."""

    data: MeasuredOn
    rows: int = Field(description="rows measured")
    target: Text | None = Field(description="name of the column that is predicted")
    weights: Text | None = Field(default=None, description="column of the rows' weights; absent without any")
    metrics: Measured
    quantile: float | None = Field(default=None, description="the quantile that pinball is of; absent without one")
    binned: bool | None = Field(
        default=None, description="true where the rows were too many to be sorted, so that what needs it is of bins"
    )
    classes: ClassesEvaluated | None = Field(default=None, description="absent for numbers")
    checks: list[CheckOutcome]
    r2_uncentered: bool = Field(description="whether r2 is against predicting 0, as without an intercept")
    environment: Environment

    @property
    def counted(self) -> str:
        """How much was measured, in words."""
        return counted(self.rows, "row")


class SkippedImage(Record):
    """An image that was left out."""

    name: Text
    why: Text


class ImageEvaluation(Evaluation):
    """What measuring a network reports."""

    task: str
    data: MeasuredOn
    images: int = Field(description="images measured")
    skipped: list[SkippedImage]

    @property
    def counted(self) -> str:
        """How much was measured, in words."""
        return counted(self.images, "image")


class ImageQuality(Sparse):
    """One restored image; averages over the noise levels where there are several."""

    name: Text
    psnr: Number = Field(description="in dB")
    ssim: Number
    input_psnr: Number = Field(description="of the degraded image, in dB")
    input_ssim: Number = Field(description="of the degraded image")
    rmse: Number | None = Field(default=None, description=RMSE)
    input_rmse: Number | None = Field(default=None, description="the degraded image's; absent where rmse is")
    kernel: int | None = Field(default=None, description="number of the blur kernel; absent where there is no choice")


class MethodQuality(Sparse):
    """One way to restore images, on average."""

    psnr: Number = Field(description="in dB")
    ssim: Number
    seconds: float | None = Field(description="per image; null where nothing was computed")
    rmse: Number | None = Field(default=None, description=RMSE)


class RestorationReport(ImageEvaluation):
    """The report of ``eval`` of a network that restores images."""

    metrics: Measured
    levels: list[Level] | None = Field(
        default=None, description="PSNR by noise level or blur; absent where there is no range"
    )
    per_image: list[ImageQuality]
    seconds_per_image: float | None
    psnr_range: float = Field(description="the range that PSNR and SSIM take: 255 for 8 bits")
    psnr_of: str = Field(default="values", description=PSNR_OF)
    compare: dict[str, MethodQuality] | None = Field(
        default=None, description="classical methods by name; absent without --compare"
    )
    checks: list[CheckOutcome]
    environment: Environment

    @property
    def overall(self) -> ImageQuality:
        """The mean over all images."""
        of_images = {name: value for name, value in self.metrics["test"].items() if name in ImageQuality.model_fields}
        return ImageQuality.model_validate({"name": f"mean of {self.counted} {self.data.shown}", **of_images})


class Mistake(Record):
    """An image that was classified wrongly."""

    name: Text
    true_class: Text = Field(validation_alias="class", serialization_alias="class")
    prediction: Text
    probability: float = Field(description="of the class that was predicted, 0 to 1")


class ClassificationReport(ImageEvaluation):
    """The report of ``eval`` of a network that classifies images."""

    classes: list[Text]
    metrics: Measured
    mistakes: list[Mistake] = Field(description="the most confident ones first")
    confusion: list[list[int]] | None = Field(
        default=None,
        description="counts: a row for each true class, a column for each class found; absent for many classes",
    )
    per_class: list[ClassQuality] | None = Field(default=None, description="how well each class is found")
    checks: list[CheckOutcome]
    environment: Environment


EvalReport = TableEvalReport | RestorationReport | ClassificationReport
