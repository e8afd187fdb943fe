"""Texts that are numbers or dates in disguise are told from categories."""

import polars as pl
import pytest

from dlcli.tables.disguises import disguise_of

DISGUISED = {
    "percentages": [["35%", "7%", "12.5%"], ["35 %", "4 %", "7"], ["34,28%", "5,1%"]],
    "sums of money": [
        ["$1,234.56", "$3", "$17.20"], ["1234 €", "5 €"], ["-$5", "$7", "12"], ["£1.2M", "£300k"], ["USD 40", "USD 7"],
    ],
    "negative numbers in parentheses": [["(123.45)", "(7)", "12.5", "3"]],
    "numbers with thousands separators": [["1,234", "743", "12,000,001"], ["1'234", "2'000"], ["1 234", "12 345"]],
    "numbers with a decimal comma": [["1,5", "2", "17,25"], ["1.989,72", "3,5"], ["0,125", "0,5", "1,234"]],
    "dates or times": [
        ["2020-01-14", "2020-02-08"], ["1/14/20", "2/8/20"], ["14.1.2020", "8.2.2020"], ["Jan 14, 2020", "Feb 8, 2020"],
        ["2020-01", "2020-02"], ["14-Jan-20", "8-Feb-20"], ["2020-01-14T10:00:00Z", "2020-01-15T11:30:00+02:00"],
        ["10:30", "11:45"],
    ],
}  # fmt: skip


@pytest.mark.parametrize(("what", "texts"), [(what, texts) for what, every in DISGUISED.items() for texts in every])
def test_disguises_are_recognized(what, texts):
    found = disguise_of(pl.Series(texts * 3))
    assert found is not None
    assert (found.what, found.different) == (what, len(texts))


@pytest.mark.parametrize(
    "texts",
    [
        ["red", "blue"], ["a1", "b2", "c3"], ["10-20", "20-30", "30+"], ["S", "M", "L"], ["yes", "no", "5%"],
        ["New York, NY", "Boston, MA"], ["v1.2.3", "v1.10.0"], ["male", "female"], ["(none)", "(some)"], ["1st", "2nd"],
        ["May", "June"], ["Mon", "Tue"], ["$", "$$", "$$$"], ["%", "#"],
    ],
)  # fmt: skip
def test_categories_are_left_alone(texts):
    assert disguise_of(pl.Series(texts)) is None
