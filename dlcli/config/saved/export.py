"""Settings of ``dlcli export``."""

from pathlib import Path
from typing import Literal

from dlcli.config.common import MODEL, OUTPUT, OutputOptions
from dlcli.config.evaluate import RUN_NAMES
from dlcli.config.option import option

ExportFormat = Literal["onnx", "dtmodel", "bioimage", "torch", "numpy"]


class ExportConfig(OutputOptions):
    """Hand a saved model on to other programs."""

    run: Path = option(..., "Run directory of a saved model.", argument=True, complete="dir", also=RUN_NAMES)
    format: ExportFormat = option(
        "onnx",
        "onnx; of image networks also dtmodel (darktable), bioimage (BioImage.IO) and torch (torch.export); of linear "
        "models also numpy, a Python file that needs nothing but NumPy.",
        also="type to target export_format framework",
        also_as={
            "darktable": "dtmodel",
            "bioimageio": "bioimage",
            "pytorch": "torch",
            "pt2": "torch",
            "python": "numpy",
        },
    )
    out: Path | None = option(
        None,
        "File to write; by default the run's name with the format's ending, in this folder.",
        panel=OUTPUT,
        complete="file",
        also="o output output_file outfile save save_to dest path",
    )
    force: bool = option(
        False, "Replace an --out that exists.", panel=OUTPUT, flags=("--force",), also="f overwrite clobber yes y"
    )
    name: str | None = option(
        None,
        "Name of the model in darktable or BioImage.IO; by default its task and the run's name.",
        panel=MODEL,
        metavar="TEXT",
        also="title model_name",
    )
    author: tuple[str, ...] = option(
        (),
        "Who made the model, for dtmodel and bioimage. Repeatable.",
        panel=MODEL,
        metavar="NAME",
        also="authors by creator",
    )
    license: str | None = option(
        None,
        "SPDX identifier of the model's license, for dtmodel and bioimage, such as CC-BY-4.0.",
        panel=MODEL,
        metavar="SPDX",
        also="licence",
    )
    cite: tuple[str, ...] = option(
        (),
        "DOI or URL to cite, for bioimage. Repeatable.",
        panel=MODEL,
        metavar="DOI",
        also="citation citations reference",
    )
