"""Numbers as people write them are found as such and read to the bit, and what only looks so is left alone."""

import math

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcli.errors import DlcliError
from dlcli.tables.formats.guess import find_numbers, looks_like_code
from dlcli.tables.formats.numbers import PLAIN, NumberFormat
from tests.conftest import CASES

WRITINGS = [
    ("numbers", {"12": 12, "3.5": 3.5, "1e5": 1e5, "+3": 3, ".5": 0.5, "5.": 5, " 7 ": 7, "inf": math.inf}),
    ("numbers with thousands separators (1,234)", {"1,234": 1234, "743": 743, "12,000,001": 12_000_001, "5.5": 5.5}),
    ("numbers with thousands separators (1 234)", {"1 234": 1234, "12\u00a0345": 12_345, "5\u202f000": 5000}),
    ("numbers with thousands separators (1 234)", {"1\u2009234.5": 1234.5, "-12 345.25": -12_345.25}),
    ("numbers with thousands separators (1'234)", {"1'234": 1234, "2\u2019000.5": 2000.5, "7": 7}),
    ("numbers with thousands separators (1,23,456)", {"1,23,456": 123_456, "12,345": 12_345, "12,34,567": 1_234_567}),
    ("numbers with a decimal comma (12,5)", {"1,5": 1.5, "2": 2, "17,25": 17.25, "-0,5": -0.5, ",5": 0.5}),
    ("numbers with a decimal comma (12,5)", {"0,125": 0.125, "1,234": 1.234, "0,5": 0.5}),
    ("numbers with thousands separators and a decimal comma (1.234,5)", {"1.989,72": 1989.72, "3,5": 3.5, "7": 7}),
    ("numbers with thousands separators and a decimal comma (1.234,5)", {"1.234.567": 1_234_567, "1.234": 1234}),
    ("numbers with thousands separators and a decimal comma (1 234,5)", {"1 234,5": 1234.5, "3,5": 3.5}),
    ("percentages (35%)", {"35%": 35, "7 %": 7, "12.5%": 12.5, "-3%": -3}),
    ("percentages (35,5%)", {"34,28%": 34.28, "5,1%": 5.1}),
    ("percentages (1,234%)", {"1,234.5%": 1234.5, "3%": 3}),
    ("per mille (35‰)", {"35‰": 35, "2 ‰": 2}),
    ("money ($1,234.56)", {"$1,234.56": 1234.56, "$3": 3, "$17.20": 17.2}),
    ("money ($12.56)", {"$-5": -5, "-$5.25": -5.25, "$ 7": 7, "12": 12}),
    ("money ($12.56), negative in parentheses", {"($5.00)": -5, "$(7)": -7, "$3": 3, "($ 8.5)": -8.5}),
    ("money (12.56 €)", {"1234 €": 1234, "5€": 5, "-3 €": -3}),
    ("money (1.234,56 €)", {"1.234,56 €": 1234.56, "5,00 €": 5}),
    ("money (USD 12.56)", {"USD 40": 40, "USD7": 7, "-USD 3.5": -3.5}),
    ("money (12,56 EUR)", {"5,00- EUR": -5, "3,50 EUR": 3.5}),
    ("money (CHF 1'234.56)", {"CHF 1'234.50": 1234.5, "CHF 5.00": 5}),
    ("money (R$1.234,56)", {"R$ 1.234,56": 1234.56, "R$ 5,00": 5}),
    ("money (Rs.12.56)", {"Rs.500": 500, "Rs. 700.5": 700.5}),
    ("money (€1.234,56)", {"€ 1.234,-": 1234, "€ 5,50": 5.5, "€ 7,--": 7}),
    ("money (Fr.12.56)", {"Fr. 5.–": 5, "Fr. 7.50": 7.5}),
    ("money (₹12.5k)", {"₹45.5 Lac": 4_550_000, "₹1.25 Cr": 12_500_000}),
    ("money ($1,234.56 CAD)", {"$1,234.50 CAD": 1234.5, "$7.00 CAD": 7}),
    ("money (1 234,56 kr)", {"1 234,50 kr": 1234.5, "7 kr": 7}),
    ("money (£12.5k)", {"£1.2M": 1_200_000, "£300k": 300_000, "£5": 5}),
    ("money ($12.5k)", {"$5m": 5e6, "$3.2bn": 3.2e9, "$1 million": 1e6}),
    ("money ($12.56 /hr)", {f"${n}.5/hr": n + 0.5 for n in range(6)}),
    ("numbers, negative in parentheses", {"(123.45)": -123.45, "(7)": -7, "12.5": 12.5, "3": 3}),
    ("numbers", {"\u22125": -5, "3": 3, "\u20132.5": -2.5}),
    ("numbers", {"5.00-": -5, "3.00": 3}),
    ("numbers", {"'123": 123, "'7.5": 7.5}),
    ("numbers", {'"12"': 12, "“13.5”": 13.5, "' 14 '": 14}),
    ("numbers with letters for thousands and millions (12.5k)", {"1.2k": 1200, "3M": 3e6, "500": 500}),
    *[
        (f"numbers in {unit} (12{gap}{unit})", {f"{n}.5{between}{unit}": n + 0.5 for n in range(1, 7)})
        for unit, between, gap in [
            ("kg", " ", " "), ("kg", "", " "), ("km/h", " ", " "), ("°C", " ", " "), ("min", " ", " "), ("m", "", " "),
            ("sq ft", " ", " "), ("reviews", " ", " "), ("CC", " ", " "), ("µg/m³", "\u00a0", " "), ("°", "", ""),
        ]
    ],
    ("numbers in days (12 days)", {"1 day": 1, **{f"{n} days": n for n in range(2, 9)}}),
    ("numbers in views (12.5k views)", {**{f"{n}K views": 1000 * n for n in range(3, 8)}, "1.5M views": 1.5e6}),
]  # fmt: skip


@pytest.mark.parametrize(("said", "writing"), WRITINGS)
def test_a_writing_of_numbers_is_found_and_read(said, writing):
    texts = pl.Series("x", list(writing), dtype=pl.String)
    found = find_numbers(pl.concat([texts, texts, pl.Series("x", [None], dtype=pl.String)]))
    assert found is not None
    assert (found.format.said(), found.fits, found.different_fits, found.note) == (said, 2 * len(texts), len(texts), "")
    values = found.format.parse(texts)
    assert (values.name, values.dtype, values.to_list()) == ("x", pl.Float64, list(writing.values()))
    assert NumberFormat.from_json(found.format.to_json()) == found.format


NO_NUMBERS = [
    ["red", "blue"], ["2D", "3D"], ["A4", "A5", "A6"], [f"{n}th" for n in range(4, 14)], ["1.2.3", "1.10.0"],
    ["192.168.1.1", "10.0.0.1"], ["12:30", "14:45"], ["555-1234", "555-9876"], ["123-45", "124-46"], ["~5", "~6"],
    ["<5", "<6"], ["1-5", "5-10"], ["10-20", "20-30", "30+"], ["10+", "20+"], ["732 829 320", "123 456 789"],
    [f"{n}i" for n in range(320, 340)], [f"{n}A" for n in range(4, 12)], ["1st", "2nd"], ["yes", "no", "5%"],
    ["New York, NY", "Boston, MA"], ["$", "$$", "$$$"], ["5 kg", "5 lb"], ["5 kg", "6 kg"], ["0", "1", "2", "3+"],
    ["1/2", "3/4"], ["(1)", "(2)"], [f"{n} am" for n in range(1, 9)], ["(555) 123-4567", "(555) 123-4568"],
    [f"{n} Elm St {n}" for n in range(9)], ["2020-01-05", "2020-01-06"], ["$5", "5 €"], ["1.5", "2,5"],
    ["1,2,3", "3,4,5"],    ["-", "--"], ["5%", "red", "blue"], [f"v{n}" for n in range(9)], ["12,34,5", "1,2,34"], [],
]  # fmt: skip


@pytest.mark.parametrize("texts", NO_NUMBERS)
def test_what_is_no_number_is_left_alone(texts):
    assert find_numbers(pl.Series(texts * 3, dtype=pl.String)) is None


@pytest.mark.parametrize(
    ("format_", "texts"),
    [
        (
            NumberFormat(thousands=","),
            ["1,2,3", "12,34", "1234,567", "0,123", "01,234", "1,23,456", "$1", "1%", "5.-", "x"],
        ),
        (NumberFormat(thousands=",", indian=True), ["1,234,567", "1,2,345", "123,45,678"]),
        (NumberFormat(decimal=","), ["1.5", "1,2,3", "1.234,5", ",", "-", ""]),
        (NumberFormat(decimal=",", thousands="."), ["1.5", "12.34", "1.234.5", "1,234.5", "1 234"]),
        (NumberFormat(before="$"), ["5 €", "5%", "-$-5", "$", "$$5", "-5-", "(5)", "$5k"]),
        (NumberFormat(parentheses=True), ["(5", "5)", "((5))", "(-5)", "()", "(5)-"]),
        (NumberFormat(after="kg"), ["5 lb", "5 kg m", "kg", "5-6 kg"]),
        (PLAIN, ["1,234", "5-", "\u22125", "1_000", "0x10", "1e"]),
    ],
)
def test_a_text_of_another_format_is_missing(format_, texts):
    assert format_.parse(pl.Series(texts)).to_list() == [None] * len(texts)


@pytest.mark.parametrize(
    ("texts", "options", "value", "note"),
    [
        (["1,234", "2,345"], {}, 1234, "'1,234' could also be 1.234: read as 1234"),
        (["1,234", "2,345"], {"prefer_comma": True}, 1.234, "'1,234' could also be 1234: read as 1.234"),
        (["1,234", "2,345"], {"decimal": ","}, 1.234, ""),
        (["1,234", "2,345"], {"decimal": "."}, 1234, ""),
        (["1.234", "2.345"], {}, 1.234, ""),
        (["1.234", "2.345"], {"prefer_comma": True}, 1.234, "'1.234' could also be 1234: read as 1.234"),
        (["1.234", "2.345"], {"decimal": ","}, 1234, ""),
        (["1.5", "2.345"], {"decimal": ","}, 1.5, "the point in '1.5' is decimal, though commas are elsewhere"),
        (["1 234", "2 345"], {"prefer_comma": True}, 1234, ""),
        (["1 234", "2 345"], {"decimal": ","}, 1234, ""),
        (["35%", "40%"], {"decimal": ","}, 35, ""),
        (["35%", "40.5%"], {"decimal": "."}, 35, ""),
        (["12", "13"], {"decimal": ",", "prefer_comma": True}, 12, ""),
        (["1,5", "2"], {"prefer_comma": True}, 1.5, ""),
        (["$1,500", "$3,000"], {}, 1500, ""),
        (["$3.459", "$3.519"], {}, 3.459, ""),
        (["1.234 €", "2.500 €"], {}, 1234, "'1.234 €' could also be 1.234: read as 1234"),
        (["1,234 €", "2,500 €"], {}, 1234, "'1,234 €' could also be 1.234: read as 1234"),
        (["1,234 €", "2,500 €"], {"prefer_comma": True}, 1234, "'1,234 €' could also be 1.234: read as 1234"),
        (["1.234 €", "2,50 €"], {}, 1234, ""),
        (["1.234%", "2.345%"], {}, 1.234, ""),
        (["1,234,567", "2,345"], {"prefer_comma": True}, 1_234_567, ""),
        (["12%", "3", "0", "4%"], {}, 12, "1 without % is taken as such too"),
    ],
)
def test_what_is_ambiguous_is_decided_and_said(texts, options, value, note):
    found = find_numbers(pl.Series(texts), **options)
    assert found is not None
    assert (found.format.parse(pl.Series(texts))[0], found.note) == (value, note)


def test_a_slip_doesnt_make_thousands_decimals_but_a_leading_zero_does():
    texts = [f"{n},{100 + n}" for n in range(1, 40)]
    slipped = find_numbers(pl.Series([*texts, "12,34"]))
    assert slipped is not None
    assert (slipped.format.thousands, slipped.fits) == (",", 39)
    decimals = find_numbers(pl.Series([*texts, "0,345"]))
    assert decimals is not None
    assert (decimals.format.decimal, decimals.fits) == (",", 40)


def test_nearly_all_texts_must_agree():
    texts = [f"${n}" for n in range(18)]
    found = find_numbers(pl.Series([*texts, "free", "ask"]))
    assert found is not None
    assert (found.fits, found.format.parse(pl.Series(["free", "$5"])).to_list()) == (18, [None, 5])
    assert find_numbers(pl.Series([*texts, "5-10", "10-20", "2 of 3"])) is None
    assert find_numbers(pl.Series([*texts * 9, "a1", "b1", "c1"])) is None  # 3 of 21 different ones
    assert find_numbers(pl.Series(["$1", "$2", "$3", "free"])) is None  # of a handful all


def test_marks_of_missing_values_may_be_many():
    texts = [f"{n},{n},{n}" for n in range(100, 118)]
    for marks in (["n.a."], ["n.a.", "ask", "none"], [f"none {c}" for c in "abcdefgh"]):
        found = find_numbers(pl.Series([*texts, *(marks * 18)[:18]]))
        assert found is not None, marks
        assert (found.format.thousands, found.different_fits) == (",", 18), marks
    assert find_numbers(pl.Series([*texts, *["n.a."] * 19])) is None  # more than half
    assert find_numbers(pl.Series([*texts, *(f"none {c}" for c in "abcdefghij")])) is None  # too different


def test_plain_numbers_with_a_few_other_texts_are_plain():
    texts = pl.Series([*(str(n) for n in range(30)), "x", "y"])
    found = find_numbers(texts)
    assert found is not None
    assert (found.format, found.fits, found.different_fits, found.note) == (PLAIN, 30, 30, "")
    assert find_numbers(pl.Series(["1"])) is not None
    assert (
        find_numbers(pl.Series(["1.234", "2.345"] * 20 + ["x", "y"]), prefer_comma=True) is None
    )  # of 4, 2 are others
    points = find_numbers(pl.Series([f"1.{n}" for n in range(100, 130)] + ["x"]), prefer_comma=True)
    assert points is not None
    assert (points.format, points.note) == (PLAIN, "'1.100' could also be 1100: read as 1.1")


def test_dashes_in_the_place_of_numbers_are_missing():
    found = find_numbers(pl.Series(["$ 5.00", "$(7.00)", "$ -", "-", "–", "$3"]))
    assert found is not None
    assert found.format.parse(pl.Series(["$ 5.00", "$(7.00)", "$ -", "-"])).to_list() == [5, -7, None, None]


def test_codes_are_told():
    assert looks_like_code(pl.Series(["02134", "10001", None, "94103"]))
    assert not looks_like_code(pl.Series(["2134", "10001"]))
    assert not looks_like_code(pl.Series(["12134", "10001"]))
    assert not looks_like_code(pl.Series(["02134", "02134"]))
    assert not looks_like_code(pl.Series([None], dtype=pl.String))
    codes = find_numbers(pl.Series(["02134", "10001"]))
    assert codes is not None
    assert codes.format == PLAIN


def test_numbers_that_are_no_texts_are_taken_as_they_are():
    format_ = NumberFormat(decimal=",", thousands=".")
    assert format_.parse(pl.Series([1, 2, None])).to_list() == [1, 2, None]
    assert format_.parse(pl.Series([1.5, 1.234])).to_list() == [1.5, 1.234]
    assert format_.parse(pl.Series(["1,5"], dtype=pl.Categorical)).to_list() == [1.5]
    assert format_.parse(pl.Series([], dtype=pl.String)).to_list() == []
    assert format_.parse(pl.Series([None, None], dtype=pl.String)).to_list() == [None, None]


@pytest.mark.parametrize("value", [None, [], {"mark": 1}, {"decimal": 1}, {"decimal": ";"}, {"thousands": "."}])
def test_a_model_with_another_format_is_refused(value):
    with pytest.raises(DlcliError, match="model's format of numbers"):
        NumberFormat.from_json(value)


def grouped(digits: str, mark: str, *, indian: bool = False) -> str:
    """Whole digits in groups."""
    if len(digits) <= 3:
        return digits
    size = 2 if indian else 3
    head, tail = digits[:-3], digits[-3:]
    start = len(head) % size
    groups = [head[:start]] * bool(start) + [head[at : at + size] for at in range(start, len(head), size)]
    return mark.join([*groups, tail])


FORMATS = [
    NumberFormat(decimal, thousands, thousands == "," and indian, before, after, parentheses=parentheses)
    for decimal, thousands in [(".", ""), (".", ","), (",", "."), (",", " "), (".", "'"), (".", " "), (",", "")]
    for before, after in [("", ""), ("$", ""), ("", "€"), ("CHF", ""), ("", "%"), ("", "kg"), ("", "sq ft")]
    for parentheses in (False, True)
    for indian in (False, True)
]


@given(
    st.lists(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**17), max_value=10**17), max_size=9),
    st.sampled_from(FORMATS),
    st.booleans(),
)
def test_a_number_in_any_writing_has_the_bits_of_the_plain_one(numbers, format_, spaced):
    plain = [f"{number:f}" for number in numbers]
    written = []
    for text in plain:
        whole, _, rest = text.lstrip("-").partition(".")
        body = grouped(whole, format_.thousands, indian=format_.indian) if format_.thousands else whole
        body += f"{format_.decimal}{rest}" if rest else ""
        gap = " " * spaced
        body = f"{format_.before}{gap * bool(format_.before)}{body}{gap * bool(format_.after)}{format_.after}"
        negative = text.startswith("-")
        written.append((f"({body})" if format_.parentheses else f"-{body}") if negative else body)
    got = format_.parse(pl.Series(written, dtype=pl.String))
    assert got.equals(pl.Series(plain, dtype=pl.String).cast(pl.Float64), null_equal=False, check_names=False)


@given(st.lists(st.text(alphabet="0123456789.,'-+ ()$€%kMegx\u2212\u00a0\"", max_size=12), max_size=30), st.booleans())
def test_any_texts_are_read_or_left_alone(texts, prefer_comma):
    found = find_numbers(pl.Series(texts, dtype=pl.String), prefer_comma=prefer_comma)
    if found is not None:
        assert found.format.parse(pl.Series(texts)).is_not_null().sum() >= found.fits > 0
        assert NumberFormat.from_json(found.format.to_json()) == found.format


@pytest.mark.parametrize(
    ("name", "column", "plain", "of"),
    [
        ("thousands.tsv", "B", "thousands_plain.tsv", 1), ("currency.csv", "price", "plain.csv", 1),
        ("euro.csv", "price", "plain.csv", 0), ("percent.csv", "share", "plain.csv", 1),
        ("percent_sp.csv", "share", "plain.csv", 1),
    ],
)  # fmt: skip
def test_the_disguised_columns_are_the_plain_ones(name, column, plain, of):
    folder = CASES / "disguised-numbers"
    if not folder.exists():
        pytest.skip("no case files here")
    mark = "\t" if name.endswith("tsv") else ","
    texts, right = (
        pl.read_csv(folder / file, separator=mark, infer_schema=False).get_column(column) for file in (name, plain)
    )
    found = find_numbers(texts)
    assert found is not None
    assert found.format != PLAIN
    values, expected = found.format.parse(texts), right.cast(pl.Float64)
    assert values.equals(expected if of else expected.round(0))


@pytest.mark.parametrize(
    ("name", "column", "first"),
    [
        ("de1.csv", "gewicht", [1.5, 1, 3]), ("de2.csv", "preis", [1989.72, 1541.37, 3509.32]),
        ("de2.csv", "gewicht", [1.5, 1, 3]), ("parens.csv", "balance", [-21.59, -329.41, -127.75]),
        ("pct_many.csv", "turnout", [34.28, 56.24, 57.54]),
    ],
)  # fmt: skip
def test_the_other_disguised_columns_are_read(name, column, first):
    path = CASES / "disguised-numbers" / name
    if not path.exists():
        pytest.skip("no case files here")
    texts = pl.read_csv(path, separator=";" if name.startswith("de") else ",", infer_schema=False).get_column(column)
    found = find_numbers(texts, prefer_comma=name.startswith("de"))
    assert found is not None
    values = found.format.parse(texts)
    assert (values.null_count(), values.head(3).to_list()) == (0, first)


def test_commas_beside_small_whole_numbers_are_of_thousands_even_where_decimals_have_commas():
    texts = pl.Series(["26", "951", "1,234", "2,051", "512", "12,345", "7"])
    found = find_numbers(texts, prefer_comma=True)
    assert found.format.parse(texts).to_list() == [26, 951, 1234, 2051, 512, 12345, 7]
    for others in (["26", "1951", "1,234", "2,051", "512", "12,345", "7"], ["0,250", "1,500", "2,125", "3", "4", "5"]):
        assert find_numbers(pl.Series(others), prefer_comma=True).format.decimal == ","
