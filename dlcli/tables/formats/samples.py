"""A sample of a column's texts, taken apart: what could be a number, and what stands around it."""

import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property

import polars as pl

from dlcli.tables.formats.affixes import (
    ATTACHED_SUFFIXES,
    BLANKS,
    MINUSES,
    PERCENTS,
    SUFFIXES,
    is_currency,
    is_unit,
    writings,
)
from dlcli.text import printable

SAMPLE = 10_000
MOST = 0.9  # of the present texts, and of the different ones, must fit
HANDFUL = 10  # of fewer present texts all must fit
FEWEST_WITH_UNIT = 5  # different numbers, as 2D and 3D are names
LEAST_WITH_PERCENT = 0.5  # of the texts must have the sign
PARTS = r"^([^0-9]*?)([.,]?[0-9](?:[0-9.,' ]*[0-9])?[.,]?(?:[eE][-+]?[0-9]+)?)([^0-9].*)?$"
FEWEST_NUMBERS, VARIED = 3, 10  # different texts with digits, beside which others may be marks, and a measurement has
MOST_KINDS = 6  # of units, that are named
MARKS = 3  # different texts without a digit that may all be marks of missing values
# In the place of a number a dash, dots or a star is missing, whatever the format.
NO_VALUE = r"^(?:[$¢-¥\u20a0-\u20cf]? *[-–—.*]{1,3}|[-–—]{1,2} *[$¢-¥\u20a0-\u20cf])$"
QUOTED = r"""^(?:"\s*(.*?)\s*"|“\s*(.*?)\s*”|„\s*(.*?)\s*[“”]|«\s*(.*?)\s*»|['‘’]\s*(.*?)\s*['’]?)$"""
APOSTROPHES = "'\u2019\u02bc`\u00b4"
SUFFIX = re.compile(rf"(?P<suffix>{'|'.join(map(re.escape, sorted(SUFFIXES, key=len, reverse=True)))}) *(?P<rest>.*)")


def unquoted(texts: pl.Series) -> pl.Series:
    """``texts`` without the quotes around them, or the apostrophe with which Excel marks a text."""
    if not texts.str.contains(r"""^["'“„«‘’]""").any():
        return texts
    return texts.str.replace(QUOTED, "${1}${2}${3}${4}${5}").str.strip_chars()


@dataclass(frozen=True)
class Around:
    """What stands before and behind the numbers of a column, and whether letters for thousands follow them."""

    before: str = ""
    after: str = ""
    suffixes: bool = False


def _without_marks(counted: pl.DataFrame) -> pl.DataFrame:
    """The texts (n,) and ``times`` (n,) of a sample without those that are marks of missing values, as n.a. is.

    They have no digit, at least half of the cells have, and they are few beside the different texts with digits.
    """
    digits = counted["text"].str.contains("(?i)[0-9]|inf")
    different, others = int(digits.sum()), int((~digits).sum())
    few = others <= MARKS and different >= FEWEST_NUMBERS
    if not others or not (few or (different >= VARIED and different > 2 * others)):
        return counted
    total = counted["times"].sum()
    most = total >= HANDFUL and 2 * counted["times"].filter(digits).sum() >= total
    return counted.filter(digits) if most else counted


class Sample:
    """The different present texts (n,) of a column's first ones, and how often each occurs (n,)."""

    def __init__(self, texts: pl.Series) -> None:
        present = texts.drop_nulls().head(SAMPLE).cast(pl.String).str.strip_chars().rename("text")
        counted = present.value_counts(sort=True, name="times")
        counted = counted.filter(~pl.col("text").str.contains(NO_VALUE)) if len(counted) > 1 else counted
        self.texts, self.times = _without_marks(counted).get_columns()

    def counts(self, fits: pl.Series) -> tuple[int, int]:
        """How many of the present texts and of the different ones are marked in ``fits`` (n,)."""
        return int(self.times.filter(fits).sum()), int(fits.sum())

    def are_most(self, fits: pl.Series, different: int = 2) -> bool:
        """Whether ``fits`` (n,) marks nearly all of the texts, and at least so many ``different`` ones."""
        present, unlike = self.counts(fits)
        total = int(self.times.sum())
        least = total if total < HANDFUL else MOST * total
        return unlike >= different and present >= least and unlike >= MOST * len(self.texts)

    @cached_property
    def opened(self) -> pl.Series:
        """The texts (n,) without quotes, with one kind of minus, blank and apostrophe."""
        kinds = {"-": MINUSES, " ": BLANKS, "'": APOSTROPHES}
        one = {mark: usual for usual, marks in kinds.items() for mark in marks if mark != usual}
        return unquoted(self.texts).str.replace_many(one)

    @cached_property
    def parts(self) -> pl.DataFrame:
        """What is before the number, the number and what is behind it (n, 3); null where there is no number."""
        groups = self.opened.str.extract_groups(PARTS).struct.unnest()
        before, number, after = (column.rename(name) for column, name in zip(groups, "bna", strict=True))
        empty = number.is_not_null()
        after = pl.select(pl.when(empty).then(after.fill_null(""))).to_series().rename("a")
        return pl.DataFrame([before.str.strip_chars(" -+("), number, after, self.times.rename("times")])

    def around(self) -> list[Around]:
        """The ways to take apart what is around the numbers, the simplest first; none if most texts have no number."""
        if not self.are_most(self.parts["n"].is_not_null()):
            return []
        before, after = self._before(), self._after_numbers()
        found = [Around(), Around(before)]
        top = max(after, key=lambda text: after[text], default="")
        bare = top.strip(" -)")
        if self._can_follow(bare, before, attached=not top.startswith(" ")):
            found.append(Around("", bare))
            with_before = self.parts["b"] == before
            both = with_before & (self.parts["a"].str.strip_chars(" -)") == bare)
            if before and self.counts(both)[0] >= MOST * self.counts(with_before)[0] > 0:  # $5 and 5 € are no $10/hr
                found.append(Around(before, bare))
        found += self._with_suffixes(before, after)
        return list(dict.fromkeys(found))

    def _before(self) -> str:
        counts: Counter[str] = Counter()
        points = 0
        for text, number, times in self.parts.select("b", "n", "times").drop_nulls().iter_rows():
            counts[text] += times
            points += times if text and number.startswith(".") else 0
        del counts[""]
        top = max(counts, key=lambda text: counts[text], default="")
        if top and points > counts[top] / 2 and is_currency(f"{top}."):  # Rs.500 is no half
            return f"{top}."
        return top if is_currency(top) else ""

    def _after_numbers(self) -> Counter[str]:
        counts: Counter[str] = Counter()
        for text, times in self.parts.select("a", "times").drop_nulls().iter_rows():
            if text.strip(" -)"):
                counts[text] += times
        return counts

    def _can_follow(self, text: str, before: str, *, attached: bool) -> bool:
        """Whether ``text`` is a currency, a percent sign or a unit that enough texts have."""
        if not text or (before and text in SUFFIXES):
            return False
        if is_currency(text):
            return True
        has = self.parts["a"].str.strip_chars(" -)").is_in(writings(text)).fill_null(False)
        present, different = self.counts(has)
        if text in PERCENTS:
            return present >= LEAST_WITH_PERCENT * int(self.times.sum())
        return (
            is_unit(text, attached=attached)
            and different >= FEWEST_WITH_UNIT
            and present >= MOST * int(self.times.sum())
        )

    def _with_suffixes(self, before: str, after: Counter[str]) -> list[Around]:
        """What is around numbers with k, M or B behind them: with money, or where nothing else is behind any."""
        split = {text: SUFFIX.fullmatch(text.strip(" -)")) for text in after}
        rests: Counter[str] = Counter()
        powers = set()
        for text, match in split.items():
            if match is None:
                rests[text.strip(" -)")] += after[text]
            elif not match["rest"] or is_currency(match["rest"]) or match.end("suffix") < match.start("rest"):
                rests[match["rest"]] += after[text]
                powers.add(SUFFIXES[match["suffix"]])
        if not powers:
            return []
        top = max(rests, key=lambda text: rests[text])
        money = bool(before) or is_currency(top)
        attached = all(text in ATTACHED_SUFFIXES for text in after)
        if money or (not top and (attached or len(powers) > 1) and rests[""] >= MOST * rests.total()):
            return [Around(before, top if is_currency(top) else "", suffixes=True)]
        if top and rests[top] >= MOST * int(self.times.sum()) and is_unit(top, attached=False):
            return [Around("", top, suffixes=True)]
        return []


def different_kinds(texts: pl.Series) -> str:
    """What sets texts apart that are numbers with several signs or units: "units (g, kg)", "" where they are not."""
    sample = Sample(texts)
    parts = sample.parts
    there = parts["n"].is_not_null()
    if not sample.are_most(there):
        return ""
    counts: Counter[str] = Counter()
    for before, after, times in parts.filter(there).select("b", "a", "times").iter_rows():
        counts[f"{before} {after.strip(' -)')}".strip()] += times
    del counts[""]
    shown = [text for text, times in counts.most_common(MOST_KINDS) if times > 1]
    if len(shown) < 2 or sum(counts[text] for text in shown) < MOST * counts.total():
        return ""
    return f"units or signs ({', '.join(map(printable, shown))})"
