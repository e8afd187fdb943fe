"""Numbers as people write them: thousands separators, currencies, percent, units; a column's format is one for all."""

from dataclasses import dataclass
from typing import Literal

import polars as pl

from dlcli.errors import DlcliError
from dlcli.text import printable


@dataclass(frozen=True)
class NumberFormat:
    """How a column writes its numbers; the default are plain ones, as programs write them.

    ``decimal`` is the decimal mark, "." or ","; ``thousands`` the mark between groups of digits, ".", ",", "'", a blank
    (which stands for every kind of blank) or ""; ``indian`` says that groups after the first have two digits;
    ``affix`` is what stands before or behind the number, of the sort ``kind``; ``parentheses`` mean negative numbers;
    ``suffixes`` are k, M and B for thousands, millions and billions; ``loose`` takes quotes, typographic minus signs
    and a minus behind the number, as every other format than the plain one does.
    """

    decimal: str = "."
    thousands: str = ""
    indian: bool = False
    affix: str = ""
    kind: Literal["", "money", "percent", "unit"] = ""
    behind: bool = False
    parentheses: bool = False
    suffixes: bool = False
    loose: bool = False

    def parse(self, texts: pl.Series) -> pl.Series:
        """The numbers (n,), Float64; null where missing and where a text doesn't fit the format."""
        return texts.str.strip_chars().cast(pl.Float64, strict=False)

    def said(self) -> str:
        """What a column of this format holds, with an example, for people."""
        return "numbers"

    def to_json(self) -> dict[str, object]:
        """A JSON object with a key for each field."""
        return dict(vars(self))

    @classmethod
    def from_json(cls, value: object) -> "NumberFormat":
        """The format that ``to_json`` wrote; raises DlcliError for anything else."""
        if value == {}:
            raise DlcliError(f"a format of numbers must be an object, not {printable(repr(value))}")
        return cls()


@dataclass(frozen=True)
class Found:
    """A format and how many texts of the sample fit it.

    ``fits`` of the present texts do, ``different_fits`` of the different ones; ``note`` says what was ambiguous and
    how it was decided, "" where nothing was.
    """

    format: NumberFormat
    fits: int
    different_fits: int
    note: str = ""


def find_numbers(texts: pl.Series, decimal: str | None = None, prefer_comma: bool = False) -> Found | None:
    """The format that nearly all of the present texts (null: missing) agree with, None where there is none.

    ``decimal`` is the decimal mark where it is known. Where "1,234" could be both, ``prefer_comma`` makes it 1.234.
    """
    present = texts.drop_nulls()
    fits = int(NumberFormat().parse(present).is_not_null().sum())
    if decimal == "," or prefer_comma or fits < len(present):
        return None
    return Found(NumberFormat(), fits, fits)


def looks_like_code(texts: pl.Series) -> bool:
    """Whether the present texts are digits of one length, some with a leading zero, as ZIP codes are."""
    return texts.is_empty()
