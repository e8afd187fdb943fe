"""Which format a column of numbers has: guessed from the different texts of a sample."""

from dataclasses import dataclass, replace

import polars as pl

from dlcli.tables.formats.affixes import CONTINENTAL, is_currency
from dlcli.tables.formats.numbers import LOOSE, PLAIN, NumberFormat
from dlcli.tables.formats.samples import SAMPLE, Around, Sample
from dlcli.text import printable

CODE_BLANKS = r"^[0-9]{3}( [0-9]{3}){2,}$"  # such as a French company's 732 829 320
FEW_SLIPS = 0.02  # of the different texts may have other than three digits behind a comma of thousands
FEW_OF_EACH = 3  # texts with a comma and without one, from which the way of writing shows
ENOUGH_WITH_COMMAS = 20


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
    if decimal is None:
        best = _mixed_with_small(sample, best, tried)
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


def _mixed_with_small(sample: Sample, best: Tried, tried: list[Tried]) -> Tried:
    """Thousands for "1,234" where it stands beside whole numbers that are all below 1000.

    Decimals would be written alike, as 2,000 or 1,5, not some with three digits and some with none.
    """
    if best.format.decimal == "." or best.format.thousands:
        return best
    grouped = replace(best.format, decimal=".", thousands=",")
    other = next((item for item in tried if item.format == grouped and item.different >= best.different), None)
    commas = sample.texts.str.contains(",", literal=True)
    if other is None or commas.sum() < FEW_OF_EACH or (~commas).sum() < FEW_OF_EACH:
        return best
    if sample.opened.str.contains("(?:^|[^0-9])0*,").any() or not (other.values.filter(~commas).abs() < 1000).all():
        return best
    return other


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
