"""Settings of ``dlcli federate client``."""

from pathlib import Path
from typing import ClassVar

from dlcli.config.common import OUTPUT, TRAINING, OutputOptions
from dlcli.config.option import option


class ClientConfig(OutputOptions):
    """What one client does in one round, for engines that carry messages between machines."""

    command: ClassVar[str] = "federate client"

    data: tuple[str, ...] = option((), "The client's tables.", argument=True, complete="file")
    init: Path = option(
        ..., "Folder of the model that came from the server: start of an exported app, or one like it.",
        panel=TRAINING, complete="dir", metavar="DIR",
    )  # fmt: skip
    steps: int = option(
        0, "Steps of gradient descent on the client's rows; 0: write the gradient and the Hessian at the model.",
        panel=TRAINING, ge=0, also="local_steps",
    )  # fmt: skip
    lr: float | None = option(
        None, "Learning rate; by default half of the largest that is stable on these rows, which others may not have.",
        panel=TRAINING, gt=0,
    )  # fmt: skip
    mu: float = option(0.0, "FedProx's pull to the model that came.", panel=TRAINING, ge=0)
    out: Path = option(
        Path("answer.safetensors"), "File for what goes to the server.", panel=OUTPUT, complete="file", metavar="FILE"
    )
