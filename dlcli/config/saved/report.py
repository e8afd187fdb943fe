"""Settings of ``dlcli report``."""

from pathlib import Path
from typing import ClassVar, Self

from pydantic import model_validator

from dlcli.config.common import OUTPUT, OutputOptions
from dlcli.config.evaluate import RUN_NAMES
from dlcli.config.option import option


class ReportConfig(OutputOptions):
    """Show runs on a page."""

    command: ClassVar[str] = "report"

    run: tuple[Path, ...] = option(
        ..., "Run directories: one, or several to compare.", argument=True, complete="dir", also=RUN_NAMES + " runs"
    )
    out: Path | None = option(
        None,
        "HTML file to write; by default report.html in the run directory, of several runs in this folder.",
        panel=OUTPUT, complete="file", metavar="FILE.html", also="o output output_file outfile html save page",
    )  # fmt: skip
    force: bool = option(
        False, "Replace an --out that exists.", panel=OUTPUT, flags=("--force",), also="f overwrite clobber yes y"
    )
    markdown: bool = option(
        False,
        "Print a comment for a pull request, as Markdown; the page is written only with --out.",
        panel=OUTPUT, flags=("--markdown",), also="md comment github pr",
    )  # fmt: skip

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.markdown and self.json_output:
            raise ValueError("--markdown and --json both print: give one of them (the JSON has a field markdown)")
        if self.out is not None and self.out.suffix.lower() not in (".html", ".htm"):
            raise ValueError(f"--out {self.out}: expected a name that ends in .html")
        return self
