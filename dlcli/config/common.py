"""Options that several commands share."""

from pathlib import Path
from typing import Literal

from pydantic import field_validator

from dlcli.config import aliases
from dlcli.config.base import Config
from dlcli.config.option import option
from dlcli.passwords import put_away

DATA = "Data"
OUTPUT = "Output"
SCHEDULE = "Schedule"
IMAGES = "Images"
MODEL = "Model"
TRAINING = "Training"
REGULARIZATION = "Regularization"

DATE_PARTS = ("year", "quarter", "month", "day", "weekday", "dayofyear", "hour", "minute")

ScheduleName = Literal[
    "constant", "time", "step", "exponential", "polynomial", "cosine", "one-cycle",
    "adagrad", "hypergradient", "polyak", "barzilai-borwein", "plateau",
]  # fmt: skip

PlotFormat = Literal["png", "svg", "pdf", "none"]


def known_device(value: str) -> str:
    """The name of a device, checked. Raises ValueError for one that can't be."""
    base, _, number = value.partition(":")
    if base not in ("auto", "cpu", "cuda", "mps") or (number and (base != "cuda" or not number.isdigit())):
        raise ValueError("expected auto, cpu, cuda, cuda:N or mps")
    return value


def by_commas(value: object) -> object:
    """Names in lists that are separated by commas, one by one."""
    if isinstance(value, (list, tuple)):
        return tuple(name.strip() for item in value for name in str(item).split(",") if name.strip())
    return value


class OutputOptions(Config):
    """How results are shown."""

    json_output: bool = option(
        False,
        "Print one JSON document, the report, to stdout.",
        panel=OUTPUT,
        flags=("--json",),
        cli_only=True,
        also="format output_format report",
    )
    quiet: bool = option(
        False,
        "Print only errors, and the report with --json.",
        panel=OUTPUT,
        flags=("--quiet", "-q"),
        cli_only=True,
        also="silent no_progress no_progress_bar",
    )

    @property
    def reading_threads(self) -> int | None:
        """The most threads that read tables; None: as many as there are cores."""
        return None


class RunOptions(OutputOptions):
    """Where results go and what makes a run repeatable."""

    out: Path | None = option(
        None,
        "Run directory; by default runs/COMMAND-NNN.",
        panel=OUTPUT,
        complete="dir",
        cli_only=True,
        also="o output output_dir out_dir save save_dir save_path run_dir log_dir default_root_dir dest",
    )
    force: bool = option(
        False,
        "Write into an --out directory that is not empty.",
        panel=OUTPUT,
        flags=("--force",),
        cli_only=True,
        also="f overwrite exist_ok clobber yes y",
    )
    plots: PlotFormat = option(
        "png",
        "Format of the charts in plots/; none draws no charts and no sheets of images (those are always PNG).",
        panel=OUTPUT,
        also="plot charts figures plot_format",
        also_as={"no_plots": "none", "no_plot": "none", "no_charts": "none", "svg": "svg", "pdf": "pdf"},
    )
    seed: int = option(0, "Seed of every random choice.", panel=OUTPUT, ge=0, lt=2**63, also=aliases.SEED)
    device: str = option(
        "auto",
        "auto, cpu, cuda or cuda:N; auto takes a GPU where it is faster.",
        panel=OUTPUT,
        also=aliases.DEVICE,
        also_as=aliases.DEVICE_VALUES,
    )

    @field_validator("device")
    @classmethod
    def _known_device(cls, value: str) -> str:
        return known_device(value)


class TrainingOptions(RunOptions):
    """Options of every training command."""

    data_seed: int | None = option(
        None,
        "Seed of the validation split and of the built-in examples; by default --seed.",
        panel=DATA,
        ge=0,
        lt=2**63,
        also="split_seed data_random_state",
    )

    @property
    def seed_of_data(self) -> int:
        """The seed by which data are split."""
        return self.seed if self.data_seed is None else self.data_seed


class TableOptions(Config):
    """How tables are read."""

    delimiter: str | None = option(
        None,
        "Field delimiter of text files: one character, 'tab', or 'whitespace' for runs of blanks; by default detected.",
        panel=DATA,
        also="sep separator delim field_separator d F",
    )
    header: bool | None = option(
        None,
        "Whether the first row holds the names; by default detected.",
        panel=DATA,
        flags=("--header/--no-header",),
        also="has_header names_row",
        also_as={"headerless": False, "without_header": False},
    )
    encoding: str | None = option(
        None,
        "Text encoding, such as latin-1; by default UTF-8, or what the bytes look like.",
        panel=DATA,
        also="charset file_encoding",
    )
    skip: int | None = option(
        None,
        "Lines of a text file before its table; by default detected.",
        panel=DATA,
        ge=0,
        metavar="N",
        also="skiprows skip_rows skip_lines skip_header",
    )
    comment: str | None = option(
        None,
        "What the comment lines of a text file begin with; by default detected.",
        panel=DATA,
        metavar="TEXT",
        also="comment_char comment_prefix comments comment_lines",
    )
    uneven: Literal["mend", "error"] | None = option(
        None,
        "Rows and lines of a text file that don't fit its table: mend them or leave them out, or refuse the file; by "
        "default mended, which --strict takes for a decision.",
        panel=DATA,
        also="on_bad_lines bad_lines ragged",
    )
    sheet: str | None = option(
        None,
        "Sheet of a workbook, by name or number; by default the first with a table.",
        panel=DATA,
        metavar="NAME",
        also="sheet_name worksheet sheet_index sheets",
    )
    query: str | None = option(
        None,
        "Table of a database, or SQL that selects rows; by default its only table.",
        panel=DATA,
        metavar="SQL",
        also="sql table table_name select",
    )
    missing: Literal["auto", "drop", "mean", "error"] = option(
        "auto",
        "What to do with missing values. auto: fill in a number's mean, and mark it by a column of 0 and 1 where more "
        "than 5% are missing; a missing text is a level; rows without a target are left out. drop: leave the row out; "
        "mean: fill in the mean; error: refuse the table.",
        metavar="POLICY",
        panel=DATA,
        also=aliases.MISSING,
        also_as=aliases.MISSING_VALUES,
    )
    missing_value: tuple[str, ...] = option(
        (),
        "Another text that means 'missing', beside empty, NA, N/A, NaN, null, None and ?. Repeatable.",
        panel=DATA,
        metavar="TEXT",
        also="missing_values na_values na_value na nan null_value null_values na_strings na_string",
    )
    keep_missing_text: tuple[str, ...] = option(
        (),
        "A text column in which NA, None, ? and so on are names like others. Repeatable.",
        panel=DATA,
        metavar="COLUMN",
        also="keep_default_na keep_na no_na na_filter",
    )
    text: tuple[str, ...] = option(
        (),
        "A column to treat as categories, even if it holds numbers. Repeatable.",
        panel=DATA,
        metavar="COLUMN",
        also="categorical categoricals category categories categorical_features categorical_columns factor factors "
        "text_column text_columns",
    )
    number: tuple[str, ...] = option(
        (),
        "A column to read as numbers, however they are written; other texts are missing. Repeatable.",
        panel=DATA,
        metavar="COLUMN",
        also="numeric numerical numbers numeric_columns numerical_columns continuous",
    )
    date: tuple[str, ...] = option(
        (),
        "A column to read as dates or times. Repeatable.",
        panel=DATA,
        metavar="COLUMN",
        also="dates parse_dates date_columns datetime time_column date_column",
    )
    date_parts: tuple[str, ...] = option(
        (),
        "Use these parts of dates instead of days since 1970, separated by commas: "
        "year,quarter,month,day,weekday,dayofyear,hour,minute.",
        panel=DATA,
        metavar="PARTS",
        also="date_features datepart dateparts",
    )
    decimal: Literal["point", "comma"] | None = option(
        None,
        "The decimal mark of numbers that are not plain; by default detected.",
        panel=DATA,
        also="dec decimal_mark decimal_separator",
    )
    day_first: bool | None = option(
        None,
        "Whether 1/2/2020 is the first of February; by default detected.",
        panel=DATA,
        flags=("--day-first/--month-first",),
        also="dayfirst dmy mdy",
    )
    max_categories: int | None = option(
        None,
        "Most texts of a column that are kept as levels; the others are one level. By default at most 100, and fewer "
        "where there are few rows.",
        panel=DATA,
        ge=2,
        also="max_levels max_cardinality",
    )

    strict: bool = option(
        False,
        "Refuse the table where something about it had to be decided, and name every decision and the options that "
        "settle them.",
        panel=DATA,
        flags=("--strict",),
        also="pedantic no_guess validate",
    )

    @field_validator("date_parts", mode="before")
    @classmethod
    def _split_parts(cls, value: object) -> object:
        return by_commas(value)

    @field_validator("date_parts")
    @classmethod
    def _known_parts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for part in value:
            if part not in DATE_PARTS:
                raise ValueError(f"expected parts of {', '.join(DATE_PARTS)}")
        return value

    @field_validator("data", mode="after", check_fields=False)
    @classmethod
    def _without_passwords(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(put_away(item) if "://" in item else item for item in value)

    @field_validator("delimiter")
    @classmethod
    def _one_character(cls, value: str | None) -> str | None:
        value = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|"}.get(value or "", value)
        if value is not None and value != "whitespace" and (len(value) != 1 or value in '"\n\r' or ord(value) > 127):
            raise ValueError("expected one ASCII character, 'tab' or 'whitespace'")
        return value

    @field_validator("comment")
    @classmethod
    def _on_one_line(cls, value: str | None) -> str | None:
        if value is not None and (not value or not value.isprintable() or len(value) > 16):
            raise ValueError("expected a character, or a few, such as #")
        return value

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, value: str | None) -> str | None:
        if value is not None:
            import codecs

            try:
                codecs.lookup(value)
            except LookupError:
                raise ValueError("expected the name of a text encoding, such as latin-1 or utf-16") from None
        return value


DECAY_FACTORS = {"step": 0.5, "exponential": 0.999, "plateau": 0.5}  # where --decay-factor isn't given


class ScheduleOptions(Config):
    """How the learning rate changes, and the constants of the formulas."""

    schedule: ScheduleName = option("constant", "How the learning rate changes.", panel=SCHEDULE, also=aliases.SCHEDULE)
    decay_rate: float = option(0.01, "k of time decay, a0 / (1 + k t).", panel=SCHEDULE, ge=0, also="lr_decay_rate")
    decay_factor: float | None = option(
        None,
        "g of step (0.5), exponential (0.999) and plateau (0.5) decay.",
        panel=SCHEDULE,
        gt=0,
        le=1,
        also="gamma lr_gamma lr_decay lr_decay_factor lr_factor factor",
    )
    decay_every: int = option(
        1000, "s of step decay, a0 g^floor(t/s).", panel=SCHEDULE, ge=1, also="decay_steps lr_step_size lr_step"
    )
    decay_power: float = option(
        1.0, "p of polynomial decay, a0 (1 - t/T)^p.", panel=SCHEDULE, gt=0, also="power power_t lr_power"
    )
    hyper_lr: float = option(
        0.001, "beta of hypergradient descent.", panel=SCHEDULE, ge=0, also="hypergrad_lr hyper_learning_rate"
    )
    polyak_target: float | None = option(
        None, "f* of Polyak's step; by default the optimum where it is known, else 0.", panel=SCHEDULE
    )
    plateau_patience: int = option(
        5,
        "Reports without improvement before plateau lowers the learning rate.",
        panel=SCHEDULE,
        ge=1,
        also="lr_patience scheduler_patience",
    )
