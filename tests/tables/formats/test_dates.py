"""Dates and times as people write them are found as such and read to the microsecond; the rest is left alone."""

from datetime import UTC, date, datetime, time, timedelta, timezone

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcli.errors import DlcliError
from dlcli.tables.formats.calendar import _extracted
from dlcli.tables.formats.dates import EXAMPLES, DateFormat, find_compact_dates, find_dates, find_epoch
from tests.conftest import CASES

EPOCH = datetime(1970, 1, 1)
LIKE_DATES = (
    r"[0-9]{1,4}[-/.][0-9]{1,2}[-/.][0-9]{1,4}([ T][0-9]{1,2}:[0-9]{2}(:[0-9]{2})?(Z|[+-]0[0-9]:?00)?( ?[AP]M)?)?"
)


def days(moment: str) -> float:
    """Days since 1970 of an ISO text."""
    return (datetime.fromisoformat(moment) - EPOCH) / timedelta(days=1)


WRITINGS = [
    ("dates (2020-12-31)", {"2020-01-14": "2020-01-14", "2020-02-29": "2020-02-29", "1968-12-31": "1968-12-31"}),
    ("dates (2020/12/31)", {"2020/1/5": "2020-01-05", "2020/12/31": "2020-12-31"}),
    ("dates (2020.12.31)", {"2020.01.05": "2020-01-05", "2020.12.31": "2020-12-31"}),
    ("dates (20201231)", {"20200105": "2020-01-05", "20201231": "2020-12-31", "18991231": "1899-12-31"}),
    ("dates (31.12.2020, day first)", {"5.1.2020": "2020-01-05", "31.12.2020": "2020-12-31", "6. 2. 20": "2020-02-06"}),
    ("dates (31/12/2020, day first)", {"5/1/2020": "2020-01-05", "13/2/2020": "2020-02-13"}),
    ("dates (12/31/2020, month first)", {"1/5/20": "2020-01-05", "2/13/99": "1999-02-13", "1/1/68": "2068-01-01"}),
    ("dates (12-31-2020, month first)", {"01-05-2020": "2020-01-05", "02-13-2020": "2020-02-13"}),
    ("dates (31 Dec 2020)", {"12 Jan 2020": "2020-01-12", "3 March 2020": "2020-03-03", "12-Jan-20": "2020-01-12"}),
    ("dates (31 Dec 2020)", {"12JAN2020": "2020-01-12", "03MAR2020": "2020-03-03", "1st of May 2020": "2020-05-01"}),
    ("dates (31 Dec 2020)", {"12. Januar 2020": "2020-01-12", "3. März 20": "2020-03-03", "1. Dez 20": "2020-12-01"}),
    ("dates (31 Dec 2020)", {"12 janvier 2020": "2020-01-12", "1er août 2020": "2020-08-01"}),
    ("dates (31 Dec 2020)", {"5 de enero de 2020": "2020-01-05", "6 de marzo de 2020": "2020-03-06"}),
    ("dates (Dec 31, 2020)", {"Jan 1, 2020": "2020-01-01", "May 12 2020": "2020-05-12", "Mar. 3rd, 20": "2020-03-03"}),
    ("dates (Dec 31, 2020)", {"Sunday, January 5, 2020": "2020-01-05", "Tue, March 3, 2020": "2020-03-03"}),
    ("dates (2020 Dec 31)", {"2020 Jan 5": "2020-01-05", "2020-Mar-06": "2020-03-06"}),
    ("months (Dec 2020)", {"Jan 2020": "2020-01-01", "March 2020": "2020-03-01"}),
    ("months (Dec-20)", {"Jan-20": "2020-01-01", "Mar-99": "1999-03-01"}),
    ("months (2020-12)", {"2020-01": "2020-01-01", "2020-12": "2020-12-01"}),
    ("months (12/2020)", {"01/2020": "2020-01-01", "12/2021": "2021-12-01"}),
    ("quarters (2020-Q4)", {"2020-Q1": "2020-01-01", "2020Q4": "2020-10-01"}),
    ("quarters (Q4 2020)", {"Q1 2020": "2020-01-01", "Q3 2021": "2021-07-01"}),
    ("weeks (2020-W53)", {"2020-W01": "2019-12-30", "2021-W01-1": "2021-01-04", "2020-W53": "2020-12-28"}),
    ("dates and times (2020-12-31 12:30)", {"2020-01-14 10:00": "2020-01-14T10:00", "2020-01-15": "2020-01-15"}),
    (
        "dates and times (2020-12-31 12:30)",
        {
            "2020-01-14T10:00:00Z": "2020-01-14T10:00", "2020-01-14T10:00:00+05:30": "2020-01-14T04:30",
            "2020-01-14T10:00:00.25+0530": "2020-01-14T04:30:00.250000",
            "2020-01-14 10:00:00.123456": "2020-01-14T10:00:00.123456",
            "2020-01-14 00:10:00+01": "2020-01-13T23:10", "2020-01-14 12:05:00 AM": "2020-01-14T00:05",
            "2020-01-14 12:05 pm": "2020-01-14T12:05", "2020-01-14 10:00:00 UTC": "2020-01-14T10:00",
        },
    ),
    (
        "dates and times (12/31/2020 12:30, month first)",
        {"1/5/2020 10:30 AM": "2020-01-05T10:30", "1/25/2020 1:30 PM": "2020-01-25T13:30"},
    ),
    (
        "dates and times (31 Dec 2020 12:30)",
        {
            "Sun, 12 Jan 2020 10:00:00 +0000": "2020-01-12T10:00", "Mon, 13 Jan 2020 10:00:00 EST": "2020-01-13T15:00",
            "12/Jan/2020:10:00:00 +0100": "2020-01-12T09:00",
        },
    ),
    (
        "dates and times (Thu Dec 31 12:30:00 2020)",
        {"Mon Jan 06 10:00:00 +0000 2020": "2020-01-06T10:00", "Tue Jan  7 10:00:00 2020": "2020-01-07T10:00"},
    ),
    ("times of day (12:30)", {"9:15": "1970-01-01T09:15", "1:05 pm": "1970-01-01T13:05", "13:05": "1970-01-01T13:05"}),
    ("durations, in days (75:30)", {"75:30": "1970-01-04T03:30", "1 day 02:00:00": "1970-01-02T02:00"}),
]  # fmt: skip


@pytest.mark.parametrize(("said", "writing"), WRITINGS)
def test_a_writing_of_dates_is_found_and_read(said, writing):
    texts = pl.Series("day", list(writing), dtype=pl.String)
    found = find_dates(pl.concat([texts, texts, pl.Series("day", [None, None], dtype=pl.String)]))
    assert found is not None
    assert (found.format.said(), found.fits, found.note) == (said, 2 * len(texts), "")
    values = found.format.parse(texts)
    assert (values.name, values.dtype) == ("day", pl.Float64)
    assert values.to_list() == [days(moment) for moment in writing.values()]
    assert DateFormat.from_json(found.format.to_json()) == found.format


NO_DATES = [
    ["1.5", "2.5"], ["1-2", "3-1"], ["2019/20", "2020/21"], ["2010/11", "2011/12"], ["1234-05", "2222-06"],
    ["A-1", "B-2"], ["192.168.1.1", "10.0.0.1"], ["555-1234", "555-9876"], ["May 5", "June 6"], ["5-Jan", "6-Feb"],
    ["12345678", "99999999", "20201301"], ["20200101", "20200102", "20201301"], ["2020", "2021"], ["1.2.3", "1.10.0"],
    ["Dec 12", "Jan 13"], ["10-20", "20-30"], ["10 km 20", "5 abc 2020"], ["32/13/2020", "45/1/2020"], ["red", "blue"],
    ["2020-13-45", "2020-99-99"], ["2021-02-29", "2019-02-30"], ["123-45-6789", "987-65-4321"], ["12:75", "10:99"],
    ["2020-01-05", "2020-01-05"], ["2020-01-05 25:00", "2020-01-05 9:61"], ["2020-01-05 9:00 XYZ", "2020-01-06 9:00 Q"],
    ["May", "June"], ["Mon", "Tue"], [],
]  # fmt: skip


@pytest.mark.parametrize("texts", NO_DATES)
def test_what_is_no_date_is_left_alone(texts):
    assert find_dates(pl.Series(texts * 3, dtype=pl.String)) is None


@pytest.mark.parametrize(
    ("texts", "day_first", "first", "other"),
    [
        (["5/1/2020", "3/2/2020"], None, "2020-05-01", "2020-01-05"),
        (["5/1/2020", "3/2/2020"], True, "2020-01-05", None),
        (["5/1/2020", "3/2/2020"], False, "2020-05-01", None),
        (["5.1.2020", "3.2.2020"], None, "2020-01-05", "2020-05-01"),
        (["5.1.2020", "3.2.2020"], False, "2020-05-01", None),
        (["25.1.2020", "3.2.2020"], False, "2020-01-25", None),
        (["5/1/20", "3/2/20"], None, "2020-05-01", "2020-01-05"),
        (["5/5/2020", "6/6/2020"], None, "2020-05-05", None),
        (["01/02/2020", "01/03/2020", "01/05/2021"], None, "2020-02-01", "2020-01-02"),
        (["20/01/15", "20/02/28", "20/03/31"], None, "2020-01-15", "2015-01-20"),
        (["31/01/99", "30/02/99", "99/01/31"], None, None, None),
    ],
)
def test_the_order_is_decided_by_the_column(texts, day_first, first, other):
    found = find_dates(pl.Series(texts), day_first)
    if first is None:
        assert found is None
        return
    assert found is not None
    assert found.format.parse(pl.Series(texts))[0] == days(first)
    if other is None:
        assert found.note == ""
    else:
        assert found.note.startswith(f"'{texts[0]}' could also be {other}: read as {first}, ")


def test_few_texts_may_be_something_else():
    texts = [f"2020-01-{day:02d}" for day in range(1, 28)]
    found = find_dates(pl.Series([*texts, "unknown", "2020-01-32", "n.d."]))
    assert found is not None
    assert (found.fits, found.format.parse(pl.Series(["unknown", "2020-01-32"])).to_list()) == (27, [None, None])
    assert find_dates(pl.Series([*texts, "n.d.", "2020-01-32", "2020-02-30", "2020-13-01", "2020-14-01"])) is None
    marked = find_dates(pl.Series([*texts, *["ongoing", "n.a."] * 9]))
    assert marked is not None
    assert marked.fits == 27
    assert find_dates(pl.Series([*texts, *["ongoing", "n.a."] * 14])) is None  # more than half


@pytest.mark.parametrize(
    ("series", "right", "said"),
    [
        (pl.Series([date(2020, 1, 5), None]), [18266, None], "dates (2020-12-31)"),
        *[
            (
                pl.Series([datetime(2020, 1, 5, 6), None]).cast(pl.Datetime(unit)),
                [18266.25, None],
                "dates and times (2020-12-31 12:30)",
            )
            for unit in ("ms", "us", "ns")
        ],
        (
            pl.Series([datetime(2020, 1, 5, 6)]).dt.replace_time_zone("Asia/Kolkata"),
            [days("2020-01-05T00:30")],
            "dates and times (2020-12-31 12:30)",
        ),
        (pl.Series([datetime(1969, 12, 31, 18)]), [-0.25], "dates and times (2020-12-31 12:30)"),
        (pl.Series([time(6), None]), [0.25, None], "times of day (12:30)"),
        (pl.Series([timedelta(days=2, hours=6)]), [2.25], "durations, in days (75:30)"),
    ],
)
def test_temporal_series_are_dates_whatever_the_form(series, right, said):
    found = find_dates(series)
    assert found is not None
    assert (found.format.said(), found.fits) == (said, len(series) - series.null_count())
    assert found.format.parse(series).to_list() == right
    assert DateFormat("qy").parse(series).to_list() == right


def test_dates_of_eight_digits():
    numbers = pl.Series("d", [20200105, 20201231, 20200229, None])
    found = find_compact_dates(numbers)
    assert found is not None
    assert found.format.parse(numbers).to_list() == [18266, days("2020-12-31"), days("2020-02-29"), None]
    assert (
        found.format.parse(numbers.cast(pl.Float64)).to_list() == found.format.parse(numbers.cast(pl.String)).to_list()
    )
    assert find_compact_dates(numbers.cast(pl.Float64)) == found
    assert find_compact_dates(numbers.cast(pl.String)) == found
    assert find_compact_dates(pl.Series([20200105, 20201231])) is None
    assert find_compact_dates(pl.Series([20200105, 20201231]), "order_date") is not None
    for other in ([20200105, 20201231, 20201301], [12345678, 20200101, 20200102], [20200105.5, 2.0, 3.0], [1, 2, 3]):
        assert find_compact_dates(pl.Series(other), "date") is None
    assert find_compact_dates(pl.Series([True, False])) is None


@pytest.mark.parametrize(
    ("name", "scale", "said"),
    [
        ("timestamp", 1, "seconds since 1970"), ("created_at", 1_000, "milliseconds since 1970"),
        ("eventTime", 1_000_000, "microseconds since 1970"), ("ts", 1, "seconds since 1970"),
    ],
)  # fmt: skip
def test_numbers_since_1970_where_the_name_says_so(name, scale, said):
    numbers = pl.Series([int(days(text) * 86_400) * scale for text in ("2020-01-05T06:00", "1981-02-03")])
    found = find_epoch(numbers, name)
    assert found is not None
    assert (found.format.said(), found.format.parse(numbers).to_list()) == (said, [18266.25, days("1981-02-03")])
    assert found.format.parse(numbers.cast(pl.String)).to_list() == [18266.25, days("1981-02-03")]
    assert find_epoch(numbers.cast(pl.String), name) == found
    assert find_epoch(numbers, "price") is None
    assert find_epoch(pl.Series([1, 2, 3]), name) is None
    assert find_epoch(pl.Series(["a", "b"]), name) is None


@pytest.mark.parametrize("name", ["runtime", "update_count", "format", "category", "population", "hat", "sentiment"])
def test_a_name_without_a_word_for_a_time_says_nothing(name):
    assert find_epoch(pl.Series([1_578_000_000, 1_579_000_000]), name) is None


def test_parts_of_dates():
    names = ("year", "quarter", "month", "day", "weekday", "dayofyear", "hour", "minute")
    texts = pl.Series(["2020-02-29 10:00", "1969-12-31 23:59", None, "nothing"])
    got = DateFormat("ymd", clock=True).parts(texts, names)
    assert [part.to_list() for part in got] == [
        [2020, 1969, None, None], [1, 4, None, None], [2, 12, None, None], [29, 31, None, None],
        [6, 3, None, None], [60, 365, None, None], [10, 23, None, None], [0, 59, None, None],
    ]  # fmt: skip
    assert {part.dtype for part in got} == {pl.Float64}
    year, hour = DateFormat("time").parts(pl.Series(["10:00", "9:59"]), ("year", "hour"))
    assert (year.to_list(), hour.to_list()) == ([None, None], [10, 9])
    assert DateFormat().parts(texts, ()) == []
    with pytest.raises(DlcliError, match="'second' is no part of a date"):
        DateFormat().parts(texts, ("second",))


@given(st.lists(st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)), max_size=5), st.data())
def test_a_moment_in_any_writing_has_the_same_bits(moments, data):
    whole = [moment.replace(microsecond=0) for moment in moments]
    offset = timezone(timedelta(minutes=data.draw(st.integers(-14 * 60, 14 * 60))))
    ways = [
        ("ymd", [m.isoformat() for m in whole]),
        ("ymd", [m.replace(tzinfo=UTC).astimezone(offset).isoformat(" ") for m in whole if 1 < m.year < 9999]),
        ("dmy", [f"{m.day}.{m.month}.{m.year:04d} {m:%H:%M:%S}" for m in whole]),
        ("mdy", [f"{m.month:02d}/{m.day:02d}/{m.year:04d} {m:%I:%M:%S %p}" for m in whole]),
        ("d name y", [f"{m:%d %B} {m.year:04d} {m:%H:%M:%S} GMT" for m in whole]),
    ]
    for form, texts in ways:
        kept = whole if len(texts) == len(whole) else [m for m in whole if 1 < m.year < 9999]
        series = pl.Series(kept, dtype=pl.Datetime("us"))
        got = DateFormat(form).parse(pl.Series(texts, dtype=pl.String))
        assert got.equals(DateFormat().parse(series), check_names=False), form


@given(
    st.lists(st.from_regex(LIKE_DATES, fullmatch=True)),
    st.sampled_from(["ymd", "dmy", "mdy"]),
)  # fmt: skip
def test_the_quick_way_reads_as_the_general_one(texts, form):
    series = pl.Series(texts, dtype=pl.String)
    made = _extracted(series, form)
    right = made["day"] + made["clock"] / 86_400_000_000
    got = DateFormat(form).parse(series)
    assert got.is_null().to_list() == right.is_null().to_list()
    assert all(abs(one - other) < 1e-9 for one, other in zip(got.drop_nulls(), right.drop_nulls(), strict=True))


@given(st.lists(st.text(alphabet="0123456789-/.: TZJanFebQW,+", max_size=14), max_size=30))
def test_any_texts_are_read_or_left_alone(texts):
    found = find_dates(pl.Series(texts, dtype=pl.String))
    if found is not None:
        assert found.format.parse(pl.Series(texts)).is_not_null().sum() >= found.fits > 0


def test_many_repeated_texts_are_read_as_few():
    texts = pl.Series([None, "1st of May 2020", "nothing", "2nd of June 2020"] * 5_000)
    assert DateFormat("d name y").parse(texts).to_list() == [None, days("2020-05-01"), None, days("2020-06-02")] * 5_000


@pytest.mark.parametrize("form", EXAMPLES)
def test_every_example_is_of_its_form(form):
    got = DateFormat(form).parse(pl.Series([EXAMPLES[form], None, "?"]))
    assert got.is_null().to_list() == [False, True, True]
    assert DateFormat(form).parse(pl.Series([], dtype=pl.String)).to_list() == []
    assert DateFormat(form).parse(pl.Series([None], dtype=pl.String)).to_list() == [None]


@pytest.mark.parametrize("value", [None, [], {"mark": 1}, {"form": 1}, {"form": "dym"}, {"clock": "yes"}])
def test_a_model_with_another_format_is_refused(value):
    with pytest.raises(DlcliError, match="a model's form"):
        DateFormat.from_json(value)


def test_the_days_of_the_case_are_found():
    path = CASES / "linear-dates-as-levels" / "table.csv"
    if not path.exists():
        pytest.skip("no case files here")
    texts = pl.read_csv(path, infer_schema=False).get_column("day")
    found = find_dates(texts)
    assert found is not None
    assert (found.format, found.fits) == (DateFormat("ymd", "-"), len(texts))
    assert found.format.parse(texts)[0] == days("2020-01-14")
