"""Reports of apps for engines that train between machines: what was written, and what a client answered."""

from typing import Literal

from pydantic import Field

from dlcli.reports.document import Number, Record, Report, Seconds, Status, Text


class AppClient(Record):
    """A client that an app was written for."""

    name: Text
    data: list[Text] = Field(description="its DATA, as the script that runs all on one machine gives it")


class AppReport(Report):
    """What ``--export`` wrote; nothing was trained."""

    command: Literal["federate fit-linear", "federate train-deconv"]
    engine: Literal["flower", "nvflare"]
    out: Text = Field(description="the folder")
    algorithm: str = Field(description="exact (gradients and Hessians, Newton's method), fedavg or fedprox")
    rounds: int = Field(description="at most")
    local_steps: int | None = Field(description="of a client in a round; null with exact")
    lr: Number = Field(description="learning rate of local steps; null with exact")
    clients: list[AppClient]
    parameters: int = Field(description="numbers in the model")
    files: list[str]
    seconds: Seconds
    status: Status


class ClientReport(Report):
    """What a client answers in a round, beside the tensors for the server."""

    command: Literal["federate client"]
    init: Text = Field(description="folder of the model that came")
    out: Text = Field(description="file of tensors for the server")
    rows: int
    weight: float = Field(description="what these rows weigh in a mean over clients: their number, or their weights")
    loss: Number = Field(description="of the model that came, on these rows")
    value: Number = Field(
        description="what is minimized: half the mean squared error or the cross-entropy, and the penalty"
    )
    steps: int = Field(description="local steps; 0 where the gradient and the Hessian were written")
    largest_stable_lr: Number = Field(description="of gradient descent on these rows, in the agreed units")
    seconds: Seconds
    status: Status
