"""Settings of ``dlcli runs``."""

from pathlib import Path
from typing import ClassVar

from dlcli.config.common import OutputOptions
from dlcli.config.option import option

ORDERS = ("age", "steps", "seconds", "run")  # beside metrics


class RunsConfig(OutputOptions):
    """List runs."""

    command: ClassVar[str] = "runs"

    folder: Path = option(
        Path("runs"), "Folder that holds run directories, also in folders of it; by default runs.", argument=True,
        complete="dir", also="dir directory out run_dir path root log_dir",
    )  # fmt: skip
    sort: str = option(
        "age",
        "What to sort by, the best first: a metric such as val.loss or r2, or age, steps, seconds or run.",
        metavar="METRIC|age|steps|...",
        also="s sort_by order order_by by metric key",
    )
