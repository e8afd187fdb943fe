"""The report of ``train-deconv``."""

from typing import Literal

from pydantic import Field

from dlcli.reports.document import Environment, Fingerprint, Measured, Number, Record, Sparse, Text, TrainingReport
from dlcli.reports.federated.entries import FederationEntry

PSNR_OF = (
    "what PSNR and SSIM compare: values, or of upscaled color images their luminance, within 16 to 235 for 8 bits; "
    "luminance and values where some images are gray"
)


class ImageCounts(Record):
    """Numbers of images."""

    train: int
    val: int


class HeldOutPart(Record):
    """A rectangle of an image, in pixels."""

    name: Text
    left: int
    top: int
    width: int
    height: int


class Level(Sparse):
    """PSNR at one noise level, of one blur of a range, or at one quality of JPEG."""

    sigma: float = Field(
        description="standard deviation of the noise: on the scale 0 to 255 for 8 bits, else in the units of the images"
    )
    psnr: Number = Field(description="of the restored images, in dB")
    input_psnr: Number = Field(description="of the noisy images, in dB")
    blur: Text | None = Field(default=None, description="the blur; absent where there is no range of blurs")
    quality: int | None = Field(default=None, description="that of JPEG; absent where images aren't compressed")

    @property
    def named(self) -> str:
        """The level, in words."""
        return f"quality {self.quality}" if self.quality is not None else self.blur or f"sigma {self.sigma:.3g}"


class Residual(Record):
    """What a network takes away from noisy images, where there are no clean ones, in the units of the images."""

    mean: Number
    sigma: Number = Field(description="its standard deviation")
    noise: Number = Field(description="that of the noise, as given or measured")
    expected: Number = Field(description="that of the residual if nothing but noise was taken away, all that can be")
    autocorrelation: list[Number] = Field(description="at lags 1 to 3, along rows and columns")
    rows: Number = Field(description="deviation of the rows' means, in that of chance")
    columns: Number = Field(description="deviation of the columns' means, likewise")


class ValidationSummary(Sparse):
    """What validation measured."""

    selects: bool = Field(description="whether the saved weights were chosen by it")
    measured: int = Field(description="images or crops measured at each report")
    lent_by_training_images: int | None = Field(
        default=None, description="training images whose margin is held out; absent for classes"
    )
    levels: list[Level] | None = Field(
        default=None, description="PSNR by noise level, blur or quality of JPEG; absent for classes"
    )
    psnr_range: float | None = Field(
        default=None, description="the range that PSNR and SSIM take: 255 for 8 bits; absent for classes"
    )
    psnr_of: str | None = Field(default=None, description=PSNR_OF + "; absent for classes")
    estimated: bool | None = Field(
        default=None, description="true where there are no clean images: PSNR is an estimate; else absent"
    )
    residual: Residual | None = Field(default=None, description="likewise what is taken away; else absent")
    verdict: Text | None = Field(default=None, description="likewise whether that is noise and all of it, in words")
    unchanged: bool | None = Field(
        default=None, description="whether the network gives back the estimate that it starts from; absent for classes"
    )


class ClassQuality(Record):
    """How well one class is found."""

    name: Text
    images: int = Field(description="images of the class that were measured")
    precision: Number = Field(description="share of those found that are of the class; null where none was found")
    recall: Number = Field(description="share of the class that was found; null where it has no images")
    f1: Number = Field(description="harmonic mean of precision and recall; null where there is neither")


class LastStep(Record):
    """The last step, whose weights may not be those that are saved."""

    step: int
    metrics: Measured


class NetworkTraining(TrainingReport):
    """What was trained, and how."""

    task: str
    noise: str | None = Field(
        default=None,
        description="kind of the noise that denoise adds: camera, poisson-gaussian, or measured (of other images); "
        "absent for white noise and for photons alone",
    )
    arch: str
    weights: int = Field(description="number of weights")
    optimizer: str
    lr: float = Field(description="base learning rate")
    batch_size: int = Field(description="crops or images of a step")
    loss: str
    images: ImageCounts
    fingerprint: Fingerprint
    too_small_images: int = Field(description="training images that are smaller than a crop")
    crop: int = Field(description="side of a training crop, in pixels")
    validation: ValidationSummary | None = Field(description="null where nothing was held out")
    held_out_parts: list[HeldOutPart] | None = Field(
        default=None,
        description="what is held out of each image where they are few; absent where whole images are held out",
    )


class TrainDeconvReport(NetworkTraining):
    """The report of ``train-deconv``."""

    command: Literal["train-deconv", "federate train-deconv"]
    skipped_images: int = Field(description="files that could not be read")
    skipped_steps: int = Field(description="steps left out because their gradient was not finite")
    images_per_second: float | None = Field(description="crops or images trained on per second")
    best_step: int = Field(description="the step whose weights are saved")
    metrics: Measured
    last: LastStep
    warnings: list[Text] = Field(description="what the user should look at, in words")
    environment: Environment
    start: Text | None = Field(
        default=None, description="the network whose weights it began with; absent where it began anew"
    )
    classes: list[Text] | None = Field(
        default=None, description="names of the classes; absent where images are restored"
    )
    confusion: list[list[int]] | None = Field(
        default=None,
        description="counts of validation images: a row for each true class, a column for each class found",
    )
    per_class: list[ClassQuality] | None = Field(
        default=None, description="how well each class is found in validation; absent where images are restored"
    )
    federation: FederationEntry | None = Field(
        default=None, description="how it was trained over images that stay apart; absent where they were in one place"
    )
