"""Options of every command that reads tables."""

from typing import Literal

from pydantic import field_validator

from dlcli.config import aliases
from dlcli.config.base import Config
from dlcli.config.common import DATA, by_commas
from dlcli.config.option import option
from dlcli.passwords import put_away

FileFormat = Literal["csv", "jsonl", "parquet", "arrow", "npy", "npz", "excel", "libsvm", "vw", "sqlite", "duckdb"]
DATE_PARTS = ("year", "quarter", "month", "day", "weekday", "dayofyear", "hour", "minute")


class TableOptions(Config):
    """How tables are read."""

    file_format: FileFormat | None = option(
        None,
        "What every file holds: csv is all text with delimiters; by default as its name and its first bytes say.",
        panel=DATA,
        metavar="FORMAT",
        also="input_format data_format file_type input_type",
    )
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

    @field_validator("data", "val_data", mode="after", check_fields=False)
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
