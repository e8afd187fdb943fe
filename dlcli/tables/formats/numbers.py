"""Numbers as people write them: thousands separators, currencies, percent, units; a column's format is one for all."""

import re
from dataclasses import dataclass, fields
from functools import cached_property

import polars as pl

from dlcli.errors import DlcliError
from dlcli.tables.formats.affixes import BLANKS, MINUSES, PERCENTS, SUFFIXES, is_currency, writings
from dlcli.tables.formats.samples import APOSTROPHES, unquoted
from dlcli.text import printable

MARKS = {"": "", ",": ",", ".": ".", " ": BLANKS, "'": APOSTROPHES}


@dataclass(frozen=True)
class NumberFormat:
    """How a column writes its numbers; the default are plain ones, as programs write them.

    ``decimal`` is the decimal mark, "." or ","; ``thousands`` the mark between groups of digits, ",", ".", "'", a blank
    (which stands for every kind of blank) or ""; ``indian``: groups have two digits but for the last; ``before`` and
    ``after`` are the currency, percent sign or unit around the number, which a text may lack; ``parentheses`` mean a
    negative number; ``suffixes`` are k, M and B for thousands, millions and billions; ``loose`` takes quotes,
    typographic minus signs and a minus behind the number, as every format but the plain one does.
    """

    decimal: str = "."
    thousands: str = ""
    indian: bool = False
    before: str = ""
    after: str = ""
    parentheses: bool = False
    suffixes: bool = False
    loose: bool = False

    def parse(self, texts: pl.Series) -> pl.Series:
        """The numbers (n,), Float64; null where missing and where a text doesn't fit the format.

        All are made by the parser of plain numbers, once the marks are gone, so equal numbers have equal bits.
        """
        if texts.dtype != pl.String:
            if texts.dtype.is_numeric() or texts.dtype in (pl.Boolean, pl.Null):
                return texts.cast(pl.Float64)
            texts = texts.cast(pl.String)
        bare = texts.str.strip_chars()
        if self == PLAIN:
            return bare.cast(pl.Float64, strict=False)
        values = self._read(bare)
        missed = (values.is_null() & bare.is_not_null()).arg_true()
        if len(missed):
            quoted = bare.gather(missed)
            opened = unquoted(quoted)
            if not opened.equals(quoted):
                values = values.scatter(missed, self._read(opened))
        return values

    def _read(self, texts: pl.Series) -> pl.Series:
        if self.kind == "money" and texts.str.contains(NO_CENTS).any():
            texts = texts.str.replace(NO_CENTS, "")
        fits = texts.str.contains(self._pattern)
        frame = pl.DataFrame({"text": texts, "fits": fits})
        cleaned = pl.when("fits").then("text").str.replace_many(*self._cleaning, leftmost=True)
        clean = frame.select(cleaned.alias("text")).to_series()
        values = clean.cast(pl.Float64, strict=False)
        behind = clean.str.ends_with("-")
        if behind.any():
            turned = ("-" + clean.str.strip_suffix("-")).cast(pl.Float64, strict=False)
            values = pl.select(pl.when(behind).then(turned).otherwise(values)).to_series()
        if self.parentheses:
            negative = texts.str.contains("(", literal=True)
            values = pl.select(pl.when(negative).then(-values).otherwise(values)).to_series()
        return values.rename(texts.name)

    @cached_property
    def _pattern(self) -> str:
        """The regular expression of a text without blanks around it."""
        blank, minus = f"[{BLANKS}]*", f"[{re.escape(MINUSES)}]"
        sign = f"(?:{minus}|[+])?"
        mark, point = f"[{re.escape(MARKS[self.thousands])}]", re.escape(self.decimal)
        whole = "[0-9]+"
        if self.thousands:
            groups = f"[1-9][0-9]?(?:{mark}[0-9]{{2}})*" if self.indian else f"[1-9][0-9]{{0,2}}(?:{mark}[0-9]{{3}})*"
            whole = f"(?:{groups}{mark}[0-9]{{3}}|[0-9]+)"
        number = rf"(?:{whole}(?:{point}[0-9]+)?|{point}[0-9]+)(?:[eE][-+]?[0-9]+)?"
        if self.suffixes:
            number += f"(?:{blank}(?:{_any(list(SUFFIXES))}))?"
        before, after = (f"(?:{_any(writings(affix))})?" if affix else "" for affix in (self.before, self.after))
        lead = f"{sign}{blank}{before}{blank}{sign}{blank}" if before else f"{sign}{blank}"
        plain = f"{lead}{number}(?:{point}|{minus}?{blank}{after}{blank}{minus}?)"
        if not self.parentheses:
            return f"^(?:{plain})$"
        inner = rf"\({blank}{before}{blank}{number}{blank}{after}{blank}\)"
        return f"^(?:{plain}|{before}{blank}{inner}{blank}{after})$"

    @cached_property
    def _cleaning(self) -> tuple[list[str], list[str]]:
        """The texts to replace in a text that fits, the longest first, and what to put in their places."""
        marks = dict.fromkeys(f"{BLANKS}{MARKS[self.thousands]}()", "") | dict.fromkeys(MINUSES, "-")
        if self.suffixes:
            marks |= {suffix: f"e{power}" for suffix, power in SUFFIXES.items()}
        marks |= {text: "" for affix in (self.before, self.after) for text in _spaced(writings(affix))}
        if self.decimal == ",":
            marks[","] = "."
        longest = sorted(marks, key=len, reverse=True)
        return longest, [marks[text] for text in longest]

    @property
    def rules(self) -> tuple[str, tuple[list[str], list[str]], str]:
        """What ``parse`` goes by, for programs without dlcli.

        The regular expression of a text without blanks around it; the texts to replace in it, and by what, the longest
        first; the expression of what stands for no cents, which goes before, or "".
        """
        return self._pattern, self._cleaning, NO_CENTS if self.kind == "money" else ""

    @property
    def kind(self) -> str:
        """What the numbers are: "money", "percent", "unit" or ""."""
        if self.before or is_currency(self.after):
            return "money"
        if self.after in PERCENTS:
            return "percent"
        return "unit" if self.after else ""

    def said(self) -> str:
        """What a column of this format holds, with an example, for people."""
        whole = {"": "35" if self.kind == "percent" else "12", "indian": "1,23,456"}.get(
            "indian" if self.indian else self.thousands
        )
        whole = whole or f"1{self.thousands}234"
        if self.kind == "money" or self.suffixes or self.decimal == ",":
            whole += f"{self.decimal}5" if self.suffixes or self.kind != "money" else f"{self.decimal}56"
        if self.suffixes:
            whole += "k"
        gap = "" if self.after in ("%", "‰", "°", "") else " "
        example = f"{self.before}{' ' * self.before[-1:].isalpha()}{whole}{gap}{self.after}"
        if self.kind == "unit":
            what = f"numbers in {self.after}"
        elif self.kind == "percent":
            what = "per mille" if self.after == "‰" else "percentages"
        elif self.kind == "money":
            what = "money"
        else:
            what = self._said_marks()
        shown = "" if what == "numbers" and not self.suffixes else f" ({example})"
        return f"{what}{shown}{', negative in parentheses' * self.parentheses}"

    def _said_marks(self) -> str:
        parts = ["thousands separators"] * bool(self.thousands) + ["a decimal comma"] * (self.decimal == ",")
        parts += ["letters for thousands and millions"] * self.suffixes
        return f"numbers with {' and '.join(parts)}" if parts else "numbers"

    def to_json(self) -> dict[str, object]:
        """A JSON object with a key for each field that isn't the default."""
        return {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name) != f.default}

    @classmethod
    def from_json(cls, value: object) -> "NumberFormat":
        """The format that ``to_json`` wrote; raises DlcliError for anything else."""
        known = {f.name: f.default for f in fields(cls)}
        if not isinstance(value, dict) or not set(value) <= set(known):
            raise DlcliError(f"a model's format of numbers must be an object of its fields, not {_shown(value)}")
        if any(type(item) is not type(known[name]) for name, item in value.items()):
            raise DlcliError(f"a field of a model's format of numbers has another type: {_shown(value)}")
        made = cls(**value)
        if made.decimal not in (".", ",") or made.thousands not in MARKS or made.thousands == made.decimal:
            raise DlcliError(f"the marks of a model's format of numbers are unknown: {_shown(value)}")
        return made


NO_CENTS = "[.,][-–—]{1,2}"  # 5,- € and Fr. 5.–
PLAIN = NumberFormat()
LOOSE = NumberFormat(loose=True)


def _shown(value: object) -> str:
    return printable(repr(value))


def _any(texts: list[str]) -> str:
    """The regular expression of any of ``texts``, with any kind of blank for a blank."""
    longest = sorted(texts, key=len, reverse=True)
    return "|".join(re.escape(text).replace(r"\ ", f"[{BLANKS}]") for text in longest)


def _spaced(texts: list[str]) -> list[str]:
    """``texts``, those with a blank once for each kind of it."""
    return [text.replace(" ", blank) for text in texts for blank in (BLANKS if " " in text else " ")]
