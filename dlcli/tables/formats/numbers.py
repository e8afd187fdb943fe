"""Numbers as people write them: thousands separators, currencies, percent, units; a column's format is one for all."""

import re
from dataclasses import dataclass, fields, replace
from functools import cached_property

import polars as pl

from dlcli.errors import DlcliError
from dlcli.tables.formats.affixes import BLANKS, CONTINENTAL, MINUSES, PERCENTS, SUFFIXES, is_currency, writings
from dlcli.tables.formats.samples import APOSTROPHES, SAMPLE, Around, Sample, unquoted
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
CODE_BLANKS = r"^[0-9]{3}( [0-9]{3}){2,}$"  # such as a French company's 732 829 320
FEW_SLIPS = 0.02  # of the different texts may have other than three digits behind a comma of thousands
ENOUGH_WITH_COMMAS = 20


def _shown(value: object) -> str:
    return printable(repr(value))


def _any(texts: list[str]) -> str:
    """The regular expression of any of ``texts``, with any kind of blank for a blank."""
    longest = sorted(texts, key=len, reverse=True)
    return "|".join(re.escape(text).replace(r"\ ", f"[{BLANKS}]") for text in longest)


def _spaced(texts: list[str]) -> list[str]:
    """``texts``, those with a blank once for each kind of it."""
    return [text.replace(" ", blank) for text in texts for blank in (BLANKS if " " in text else " ")]


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
    sample = Sample(texts)
    if sample.texts.is_empty():
        return None
    plain = PLAIN.parse(sample.texts)
    if plain.is_not_null().all():
        return _with_points(sample, plain, decimal, prefer_comma)
    tried = []
    for around in sample.around():
        tried += [Tried.on(sample, format_) for format_ in _formats(sample, around, decimal, prefer_comma)]
    best = max(tried, key=lambda item: (item.fits, item.different), default=None)
    fits = sample.counts(plain.is_not_null())[0]
    if best is None or fits >= best.fits or not sample.are_most(best.values.is_not_null()) or _is_code(sample, best):
        most = sample.are_most(plain.is_not_null(), different=1)
        return _with_points(sample, plain, decimal, prefer_comma) if most else None
    if decimal is None and not prefer_comma:
        best = _with_a_slip(sample, best, tried)
    notes = [_other_reading(sample, best, tried, prefer_comma), _without_affix(sample, best)]
    return Found(best.format, best.fits, best.different, "; ".join(note for note in notes if note))


def looks_like_code(texts: pl.Series) -> bool:
    """Whether the present texts are digits of one length, some with a leading zero, as ZIP codes are."""
    bare = texts.drop_nulls().head(SAMPLE).str.strip_chars()
    digits = bare.str.contains(r"^[0-9]{3,}$").all() and bare.str.len_bytes().n_unique() == 1
    return bool(digits and bare.str.starts_with("0").any() and bare.n_unique() > 1)


@dataclass(frozen=True)
class Tried:
    """A format and what it makes of a sample's different texts."""

    format: NumberFormat
    values: pl.Series
    fits: int
    different: int

    @classmethod
    def on(cls, sample: Sample, format_: NumberFormat) -> "Tried":
        """``format_`` on the texts of ``sample``."""
        values = format_.parse(sample.texts)
        return cls(format_, values, *sample.counts(values.is_not_null()))


def _formats(sample: Sample, around: Around, decimal: str | None, prefer_comma: bool) -> list[NumberFormat]:
    """The formats with what is ``around`` the numbers that the marks in them allow, the likelier first."""
    number = sample.parts["n"]
    comma, point, blank, apostrophe = (bool(number.str.contains(mark, literal=True).any()) for mark in ",. '")
    comma, comma_first = comma or decimal == ",", prefer_comma or decimal == ","
    styles = [(".", "", False)]
    if comma:
        styles += [(".", ",", False), (",", "", False), (".", ",", True)]
    if point:
        styles += [(",", ".", False)]
    for mark in " " * blank + "'" * apostrophe:
        styles += [(".", mark, False)] + [(",", mark, False)] * comma
    if comma_first:
        styles.sort(key=lambda style: style[0] != ",")
    if around.before or is_currency(around.after):  # prices seldom have three decimals, but for those of fuel, $3.459
        first = [(".", ",", False)] + [(",", ".", False)] * (comma_first or _is_continental(around))
        styles = [*(style for style in first if style in styles), *(style for style in styles if style not in first)]
    styles = [style for style in styles if decimal in (None, style[0])]
    opens = sample.opened.str.contains("(", literal=True)
    negative = bool(opens.any()) and not opens.all()
    made = [NumberFormat(*style, around.before, around.after, negative, around.suffixes) for style in styles]
    return [format_ if format_ != PLAIN else LOOSE for format_ in made]


def _with_points(sample: Sample, plain: pl.Series, decimal: str | None, prefer_comma: bool) -> Found:
    """The format of plain numbers, whose points may stand between thousands where the decimal mark is a comma."""
    found = Found(PLAIN, *sample.counts(plain.is_not_null()))
    points = sample.texts.str.contains(".", literal=True) & plain.is_not_null()
    if decimal == "." or not (prefer_comma or decimal) or not points.any():
        return found
    grouped = Tried.on(sample, NumberFormat(",", "."))
    text = printable(sample.texts.filter(points)[0])
    if grouped.different < found.different_fits:
        return replace(found, note=f"the point in '{text}' is decimal, though commas are elsewhere")
    if decimal is None:
        return replace(found, note=_other_reading(sample, Tried.on(sample, PLAIN), [grouped], True))
    return Found(grouped.format, grouped.fits, grouped.different)


def _is_continental(around: Around) -> bool:
    """Whether prices are in a currency whose countries mostly write 1.234,56."""
    return around.before in CONTINENTAL or around.after in CONTINENTAL


def _with_a_slip(sample: Sample, best: Tried, tried: list[Tried]) -> Tried:
    """Thousands rather than decimals for "1,234" where but for one text or so all have three digits behind a comma."""
    if best.format.decimal == "." or best.format.thousands:
        return best
    grouped = replace(best.format, decimal=".", thousands=",")
    other = next((item for item in tried if item.format == grouped), None)
    if other is None or best.different - other.different > max(1, FEW_SLIPS * best.different):
        return best
    commas = sample.texts.str.contains(",", literal=True)
    if sample.opened.str.contains("(?:^|[^0-9])0*,").any():  # 0,125 is no slip
        return best
    return other if int(commas.sum()) >= ENOUGH_WITH_COMMAS else best


def _other_reading(sample: Sample, best: Tried, tried: list[Tried], prefer_comma: bool) -> str:
    """What a text could be under another format that as many fit, where people may differ.

    A single point is a decimal one for most, and a comma in prices such as $1,234 is none.
    """
    around = Around(best.format.before, best.format.after)
    money = best.format.kind == "money"
    points = prefer_comma or (money and _is_continental(around))
    if money and not points:
        return ""
    for other in tried:
        if other.different >= best.different and other.fits >= best.fits:
            unlike = (other.values != best.values).fill_null(False)
            if not points:
                unlike &= sample.texts.str.contains(",", literal=True)
            if unlike.any():
                at = int(unlike.arg_max() or 0)
                text = printable(sample.texts[at])
                return f"'{text}' could also be {other.values[at]:.12g}: read as {best.values[at]:.12g}"
    return ""


def _without_affix(sample: Sample, best: Tried) -> str:
    """How many numbers lack the percent sign or unit that the others have."""
    if best.format.kind not in ("percent", "unit"):
        return ""
    lacks = (sample.opened == sample.parts["n"]).fill_null(False) & (best.values != 0)
    count = sample.counts(lacks.fill_null(False))[0]
    return f"{count:,} without {best.format.after} {'is' if count == 1 else 'are'} taken as such too" if count else ""


def _is_code(sample: Sample, best: Tried) -> bool:
    """Whether numbers with blanks between groups of digits are rather codes: all have three digits in each of three."""
    grouped = sample.opened.filter(sample.opened.str.contains(" ", literal=True))
    return best.format.thousands == " " and bool(grouped.str.contains(CODE_BLANKS).all())
