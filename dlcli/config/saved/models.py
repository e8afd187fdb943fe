"""Settings of ``dlcli models``."""

from typing import ClassVar

from dlcli.config.common import OutputOptions
from dlcli.config.option import option


class ModelsConfig(OutputOptions):
    """Look at the networks in the box."""

    command: ClassVar[str] = "models"

    name: str | None = option(
        None, "Show the card of this network, such as bundled:denoise-gray; by default all are listed.", argument=True,
        also="model run",
    )  # fmt: skip
