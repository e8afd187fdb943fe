"""Texts that are no categories: numbers, sums of money and dates in a writing that isn't read as such."""

from dataclasses import dataclass

import polars as pl

MOST = 0.9  # of the different texts must look alike
PLAIN = r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?"
AMOUNT = r"\d[\d.,'\u00a0\u202f ]*[kKmMbB]?"
SIGN = r"([$€£¥₹]|EUR|USD|GBP|CHF|kr)"
TIME = r"([ T]\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?( ?[AaPp][Mm])?(Z|[-+]\d{2}:?\d{2})?)?"
DATES = (
    rf"\d{{4}}[-/.]\d{{1,2}}([-/.]\d{{1,2}})?{TIME}|\d{{1,2}}[-/.]\d{{1,2}}[-/.](\d{{2}}|\d{{4}}){TIME}"
    r"|\d{1,2}[- ]?[A-Za-z]{3,9}\.?[- ,]*\d{2,4}|[A-Za-z]{3,9}\.?[- ]\d{1,2},? \d{4}|\d{1,2}:\d{2}(:\d{2})?"
)
DECIMAL_COMMA = "numbers with a decimal comma"
# What it is, how a text of it looks, and what to write instead. The first that fits a text counts.
WRITINGS = (
    ("percentages", r"[-+]?\d+([.,]\d+)?[\s\u00a0\u202f]*%", "numbers without the sign"),
    ("sums of money", rf"\(?[-+]?\s*({SIGN}\s*[-+]?\s*{AMOUNT}|{AMOUNT}\s*{SIGN})\)?", "numbers without the sign"),
    ("negative numbers in parentheses", r"\(\d[\d.,]*\)", "numbers with a minus"),
    ("numbers with thousands separators", r"[-+]?\d{1,3}([,'\u00a0\u202f ]\d{3})+(\.\d+)?", "plain numbers"),
    (DECIMAL_COMMA, r"[-+]?\d{1,3}(\.\d{3})*,\d+|[-+]?\d*,\d+", "numbers with a point"),
    ("dates or times", DATES, "numbers, such as days or years"),
)  # fmt: skip
UNIT = r"^[-+]?\d+(?:[.,]\d+)?[\s\u00a0\u202f]*([°µA-Za-z][A-Za-z°²³/]{0,5})$"
FEWEST_WITH_UNIT = 5  # different numbers, as 2D and 3D are names


@dataclass(frozen=True)
class Disguise:
    """What a column of texts seems to hold; ``instead`` is what to write."""

    what: str
    example: str
    instead: str
    different: int


def disguise_of(texts: pl.Series) -> Disguise | None:
    """What nearly all of the texts (missing ones left out) look like, plain numbers aside; None for categories."""
    different = texts.str.strip_chars().unique(maintain_order=True)
    left, found = different, []
    for what, pattern, instead in WRITINGS:
        fits = left.str.contains(rf"^({pattern})$")
        found.append((what, instead, left.filter(fits)))
        left = left.filter(~fits)
    what, instead, alike = max(found, key=lambda item: len(item[2]))
    numbers = left.str.contains(rf"^({PLAIN})$")
    if what == "dates or times":
        explained = len(alike)
    else:
        explained = sum(len(part) for name, _, part in found if name != "dates or times") + int(numbers.sum())
        if len(found[4][2]) and what == "numbers with thousands separators":
            what, instead, alike = DECIMAL_COMMA, found[4][1], pl.concat([found[4][2], alike])
    if len(alike) < 2 or explained < MOST * len(different):
        return _with_unit(different)
    return Disguise(what, str(alike[0]), instead, len(different))


def _with_unit(different: pl.Series) -> Disguise | None:
    """Numbers that all have the same unit behind them, as in 12 kg."""
    units = different.str.extract(UNIT)
    known = units.drop_nulls()
    if len(known) < max(FEWEST_WITH_UNIT, MOST * len(different)) or known.n_unique() > 1:
        return None
    what = f"numbers with a unit, {known[0]}"
    return Disguise(what, str(different.filter(units.is_not_null())[0]), "numbers without it", len(different))
