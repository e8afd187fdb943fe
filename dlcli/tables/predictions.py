"""Tables of predictions, written chunk by chunk as CSV or Parquet."""

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import polars as pl

from dlcli.engine.interrupts import telling
from dlcli.errors import DlcliError
from dlcli.files import temporary_beside
from dlcli.text import counted

FORMATS = (".csv", ".parquet")
MISSING = "NA"  # a blank line would be no row at all to most readers of CSV


@dataclass(frozen=True)
class OutputSettings:
    """Where predictions go: a file or folder, or stdout (None). ``report_on_stdout``: the report goes there itself."""

    out: Path | None
    force: bool
    report_on_stdout: bool

    @property
    def csv(self) -> bool:
        """Whether predictions are written as CSV."""
        return self.out is None or self.out.suffix == ".csv"


def check_output(output: OutputSettings) -> None:
    """Raise DlcliError for a file of another format, one that exists (without ``force``), or no such folder.

    So it does where predictions and report would both go to stdout.
    """
    out = output.out
    if out is None:
        if output.report_on_stdout:
            raise DlcliError(
                "--json prints the report to stdout, where the predictions go", "add --out predictions.csv"
            )
        return
    if out.suffix not in FORMATS:
        raise DlcliError(f"--out {out}: expected a name that ends in .csv or .parquet", "rename it")
    if out.is_dir():
        raise DlcliError(f"--out {out} is a directory", "give a file name")
    if out.exists() and not output.force:
        raise DlcliError(f"--out {out} exists", "choose another name, or add --force")
    if not out.parent.is_dir() or not os.access(out.parent, os.W_OK):
        raise DlcliError(f"--out {out}: cannot write to {out.parent}", "create the directory, or choose another")


def write_predictions(frames: Iterator[pl.DataFrame], schema: dict[str, pl.DataType], out: Path | None) -> None:
    """Write ``frames`` in order to ``out``, or as CSV to stdout; a failure leaves no file behind.

    Raises DlcliError when the disk refuses, and whatever the frames raise.
    """
    if out is None:
        _to_stdout(frames, schema)
        return
    temporary = temporary_beside(out)
    try:
        if out.suffix == ".csv":
            with temporary.open("wb") as stream:
                _csv(frames, schema, stream)
        else:
            _parquet(frames, schema, temporary)
        temporary.replace(out)
    except OSError as error:
        raise DlcliError(f"cannot write {out}: {error.strerror or error}", "free some space") from None
    finally:
        temporary.unlink(missing_ok=True)


def _to_stdout(frames: Iterator[pl.DataFrame], schema: dict[str, pl.DataType]) -> None:
    """Past Python's own stream, so that a reader that has gone ends the work at once, by a BrokenPipeError."""
    sys.stdout.flush()
    try:
        number = os.dup(sys.stdout.fileno())
    except OSError:  # a stream in memory
        _csv(frames, schema, sys.stdout.buffer, on_stdout=True)
        return
    try:
        with os.fdopen(number, "wb") as stream:
            _csv(frames, schema, stream, on_stdout=True)
    except BrokenPipeError:
        raise
    except OSError as error:
        reason = error.strerror or error
        raise DlcliError(f"the predictions could not be written to stdout: {reason}", "free some space") from None


def _csv(
    frames: Iterator[pl.DataFrame], schema: dict[str, pl.DataType], stream: BinaryIO, *, on_stdout: bool = False
) -> None:
    head, rows = pl.DataFrame(schema=schema).write_csv().encode(), 0
    with telling(lambda: f"stdout has {counted(rows, 'prediction')} or more" if on_stdout and rows else ""):
        for frame in frames:
            # Text first: polars closes over a raw stream in ways that hide a closed pipe. The header comes with the
            # first row, as a table that is refused is to leave nothing.
            stream.write(head + frame.write_csv(include_header=False, null_value=MISSING).encode())
            head, rows = b"", rows + len(frame)
    stream.write(head)


def _parquet(frames: Iterator[pl.DataFrame], schema: dict[str, pl.DataType], path: Path) -> None:
    """Stream frames into one file; polars pulls them from the generator as it writes."""
    from polars.io.plugins import register_io_source

    failure: list[BaseException] = []

    def source(*_wanted: object) -> Iterator[pl.DataFrame]:  # columns, rows: everything is, when a file is written
        try:
            yield from frames
        except BaseException as error:
            # Polars would wrap it in an error of its own.
            failure.append(error)
            raise

    try:
        register_io_source(source, schema=schema).sink_parquet(path)
    except BaseException:
        if failure:
            raise failure[0] from None
        raise
