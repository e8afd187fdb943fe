"""What all reports have in common: the document of report.json as a typed model."""

import math
import os
import platform
import sys
from importlib import metadata
from typing import Annotated

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    SerializerFunctionWrapHandler,
    WithJsonSchema,
    model_serializer,
)

from dlcli.engine.ranks import launched
from dlcli.engine.revision import revision
from dlcli.files import JsonObject, to_json


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("expected a text")
    return value


def _nan_for_null(value: object) -> object:
    return math.nan if value is None else value


# A text that may hold a file's name, whose bytes need not be UTF-8, which pydantic's own texts must be.
Text = Annotated[str, PlainValidator(_text, json_schema_input_type=str)]
# A float; what is not finite is null in JSON, and nan where it is read again.
Number = Annotated[float, BeforeValidator(_nan_for_null), WithJsonSchema({"type": ["number", "null"]})]
Metrics = dict[str, Number]

RunPath = Annotated[Text, Field(description="the run directory; of eval and predict that of the model")]
Seconds = Annotated[float, Field(description="duration of the whole command, in seconds")]
Status = Annotated[
    str, Field(pattern="^(converged|finished|stopped|diverged)$", description="how the command ended; see reason")
]
Measured = Annotated[
    dict[str, Metrics],
    Field(description="metrics by the part of the data that they were measured on (train, val, test), then by name"),
]


class Record(BaseModel):
    """A part of a report: immutable, and with no fields but those that are declared."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid", populate_by_name=True)


class Sparse(Record):
    """A part of a report in which fields that have a default are left out of the document where they are None."""

    @model_serializer(mode="wrap")
    def _present(self, serialized: SerializerFunctionWrapHandler) -> JsonObject:
        document: JsonObject = serialized(self)
        for name, field in type(self).model_fields.items():
            if not field.is_required() and getattr(self, name) is None:
                del document[name]
        return document


class Commit(Record):
    """The commit of git that a command began at, in the folder that it was started in."""

    commit: str = Field(description="its hash")
    dirty: bool | None = Field(description="whether files that git knows had changes; null where git doesn't say")


class Fingerprint(Sparse):
    """What tells whether data have changed."""

    parts: int = Field(description="files or images")
    bytes: int
    digest: str = Field(description="BLAKE2b checksum of names, sizes and content; of large files of 16 blocks of each")
    each: list[tuple[Text, int, str]] | None = Field(
        default=None, description="name, bytes and checksum of each part; absent where there are many"
    )
    rows: int | None = Field(default=None, description="rows of a table, those held out included; absent for images")
    columns: int | None = Field(default=None, description="columns of a table, the target included; absent for images")


class Environment(Sparse):
    """Where a command ran."""

    python: str = Field(description="version of Python")
    torch: str = Field(description="version of PyTorch")
    numpy: str = Field(description="version of NumPy")
    platform: str = Field(description="operating system and processor")
    threads: int | None = Field(description="processor cores to run on; for networks PyTorch's number of threads")
    device: str = Field(description="cpu, cuda:N or mps")
    processes: int = Field(description="processes that did the work together, started by torchrun")
    git: Commit | None = Field(default=None, description="absent where the current folder is in no repository")


class Report(Sparse):
    """The report of any command: the fields that it has, in the order of the JSON document."""

    def document(self) -> JsonObject:
        """The report as JSON has it, with nan where that has null."""
        return self.model_dump(by_alias=True)

    def to_json(self, *, ascii_only: bool = False) -> str:
        """The text of report.json, without the newline at its end."""
        return to_json(self.document(), ascii_only=ascii_only)

    @property
    def interrupted_by(self) -> int:
        """Number of the signal that interrupted the command, or 0."""
        return 0


class RunReport(Report):
    """The report of a command that trains or measures."""

    dlcli: str = Field(description="version of dlcli")
    command: str
    run: RunPath
    device: str = Field(description="where it was computed: cpu, or the GPU's name")
    seed: int = Field(description="seed of all randomness; of eval the seed of the noise")
    seconds: Seconds
    steps: int = Field(description="steps taken: iterations, or batches; of a search those of all trials")
    status: Status


class TrainingReport(RunReport):
    """The report of a command that trains, and can be interrupted."""

    reason: str = Field(description="why it ended, in words")
    signal: int | None = Field(description="number of the signal that interrupted it")

    @property
    def interrupted_by(self) -> int:
        """Number of the signal that interrupted the command, or 0."""
        return self.signal or 0


def environment(device: str, threads: int | None = None) -> Environment:
    """The environment of this process. ``threads`` is, unless given, the number of cores that it may run on.

    PyTorch's version is looked up, not imported.
    """
    if threads is None:
        threads = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count()
    found = revision()
    return Environment(
        git=None if found is None else Commit(commit=found.commit, dirty=found.dirty),
        python=platform.python_version(),
        torch=metadata.version("torch"),
        numpy=metadata.version("numpy"),
        platform=f"{platform.system()} {platform.machine()}",
        threads=threads,
        device=device,
        processes=launched().count,
    )
