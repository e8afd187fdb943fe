"""What eval may compare a model with."""

from pathlib import Path

from dlcli.config.base import Config
from dlcli.config.option import option


class AgainstOptions(Config):
    """Another model on the same data."""

    against: Path | None = option(
        None,
        "Run directory of another model, measured on the same rows or images of DATA: is the difference more than "
        "chance? A --check such as 'rmse<=against' fails where this model is worse by more than chance.",
        complete="dir",
        metavar="RUN",
        also="versus vs compare_with baseline_run reference other",
    )
