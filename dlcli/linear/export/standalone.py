"""A linear model that dlcli trained, with nothing but NumPy. ``python THIS.py table.csv`` prints predictions as CSV.

``predict`` takes the raw columns of a table by their names (lists or arrays; a pandas or polars data frame will do)
and returns the columns that ``dlcli predict`` writes. Numbers are numbers, or texts as the training data had them; a
missing value is None, NaN or what the training data marked one with. Dates are datetime or numpy.datetime64, or texts
in ISO 8601. Takes Python 3.11 or newer.
"""

import csv
import datetime
import json
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

MODEL: dict[str, Any] = json.loads("{}")

Cells = Sequence[Any]
Floats = NDArray[np.float64]
PLAIN = r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?"
QUOTES = r"\"\s*(.*?)\s*\"|“\s*(.*?)\s*”|„\s*(.*?)\s*[“”]|«\s*(.*?)\s*»|['‘’]\s*(.*?)\s*['’]?"
TRUTHS = {"true": 1.0, "1": 1.0, "1.0": 1.0, "false": 0.0, "0": 0.0, "0.0": 0.0}
DAY = datetime.timedelta(days=1)
START = datetime.datetime(1970, 1, 1)
UNITS = {"seconds": 1_000_000, "milliseconds": 1_000, "microseconds": 1}  # of numbers since 1970, in microseconds
MICROSECONDS = 86_400_000_000


def predict(table: Mapping[str, Cells] | Any) -> dict[str, NDArray[Any]]:
    """``prediction``, and of classes ``probability_CLASS`` of each, for the rows of a table's raw columns.

    NaN (or None for a class) where training left rows with missing values out. Raises ValueError for a column that is
    not there, and for what the model doesn't know.
    """
    scores = np.array(MODEL["intercept"], dtype=np.float64)[None]
    for column in MODEL["columns"]:
        if column["name"] not in table:
            raise ValueError(f"the table has no column {column['name']!r}")
        cells = list(table[column["name"]])
        added = text_scores(column, cells) if column["kind"] == "text" else number_scores(column, cells)
        scores = scores + added
    if not MODEL["classes"]:
        return {"prediction": mean_of(scores[:, 0])}
    if scores.shape[1] == 1:
        scores = np.concatenate([scores * 0, scores], axis=1)
    none = np.isnan(scores).any(axis=1)
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    probabilities = weights / weights.sum(axis=1, keepdims=True)
    best = np.array(MODEL["classes"], dtype=object)[np.argmax(probabilities, axis=1)]
    best[none] = None
    each = {f"probability_{name}": probabilities[:, place] for place, name in enumerate(MODEL["classes"])}
    return {"prediction": best, **each}


def mean_of(scores: Floats) -> Floats:
    """What is predicted of scores of numbers, (n,): where the model has a link, the mean by its inverse."""
    if MODEL["link"] == "log":
        return np.exp(scores)
    return 1 / scores if MODEL["link"] == "inverse" else scores


def number_scores(column: dict[str, Any], cells: Cells) -> Floats:
    """What a column of numbers, booleans or dates adds to the scores, (n, k)."""
    kind = column["kind"]
    if kind == "date":
        days = np.array([date_of(column, cell) for cell in cells], dtype=np.float64)
        values = (
            np.stack([part_of(days, part) for part in column["parts"]], axis=1) if column["parts"] else days[:, None]
        )
    else:
        read = truth_of if kind == "boolean" else number_of
        values = np.array([read(column, cell) for cell in cells], dtype=np.float64).reshape(-1, 1)
    missing = ~np.isfinite(values)
    refuse(column, np.any(missing, axis=1))
    fill = np.nan if MODEL["missing"] == "drop" else np.array(column["fill"], dtype=np.float64)
    scores: Floats = np.where(missing, fill, values) @ np.array(column["weights"], dtype=np.float64)
    if column["mark"] is not None:
        scores = scores + missing[:, :1] * np.array(column["mark"], dtype=np.float64)
    return scores


def text_scores(column: dict[str, Any], cells: Cells) -> Floats:
    """What a column of texts adds to the scores, (n, k)."""
    count = len(column["levels"])
    codes = {level: code for code, level in enumerate(column["levels"])}
    found = np.empty(len(cells), dtype=np.int64)
    for row, cell in enumerate(cells):
        text = text_of(column, cell)
        found[row] = count if text is None else codes.get(text, count + 1)
        if found[row] > count and column["unknown"] is None:
            raise ValueError(f"column {column['name']!r}: the model does not know {text!r}, only {column['levels']}")
    if not column["gap"]:
        refuse(column, found == count)
    absent = [np.nan if number is None else number for number in column["missing"]]
    unknown = column["unknown"] or absent
    rows: Floats = np.array([*column["scores"], absent, unknown], dtype=np.float64)[found]
    return rows


def refuse(column: dict[str, Any], missing: Any) -> None:
    """Raise ValueError for a missing value where training refused such."""
    if MODEL["missing"] == "error" and missing.any():
        raise ValueError(f"column {column['name']!r}: the value of row {int(missing.argmax()) + 1} is missing")


def text_of(column: dict[str, Any], cell: Any) -> str | None:
    """A cell as text; None where it is missing."""
    if cell is None or cell != cell:  # NaN
        return None
    text = str(cell).lower() if isinstance(cell, (bool, np.bool_)) else str(cell)
    return None if text.strip() in column["markers"] else text


def truth_of(column: dict[str, Any], cell: Any) -> float:
    """A boolean as 1 or 0; NaN where it is missing or something else."""
    text = text_of(column, cell)
    return np.nan if text is None else TRUTHS.get(text.strip().lower(), np.nan)


def number_of(column: dict[str, Any], cell: Any) -> float:
    """A number; NaN where it is missing or no number."""
    if isinstance(cell, (int, float, np.integer, np.floating, np.bool_)):
        value = float(cell)
    else:
        text = text_of(column, cell)
        value = np.nan if text is None else parsed(column["format"], text.strip())
    return np.nan if value in column["missing_numbers"] else value


def parsed(form: dict[str, Any] | None, text: str) -> float:
    """A text as a number: plain, or as the training data wrote numbers."""
    if form is None:
        return float(text) if re.fullmatch(PLAIN, text) else np.nan
    value = written(form, text)
    quoted = re.fullmatch(QUOTES, text)
    if value != value and quoted:
        value = written(form, next((part for part in quoted.groups() if part is not None), "").strip())
    return value


def written(form: dict[str, Any], text: str) -> float:
    """A number with its currency, unit, separators of thousands, decimal comma, or letters for thousands."""
    if form["cents"]:
        text = re.sub(form["cents"], "", text, count=1)
    if not re.search(form["pattern"], text):
        return np.nan
    marks = dict(zip(*form["cleaning"], strict=True))
    clean = re.sub("|".join(map(re.escape, form["cleaning"][0])), lambda found: marks[found[0]], text)
    if clean.endswith("-"):
        clean = "-" + clean.removesuffix("-")
    value = float(clean) if re.fullmatch(PLAIN, clean) else np.nan
    return -value if form["parentheses"] and "(" in text else value


def date_of(column: dict[str, Any], cell: Any) -> float:
    """Days since 1970-01-01 in UTC, or of a time of day; NaN where it is missing."""
    if isinstance(cell, np.datetime64):
        cell = cell.astype("datetime64[us]").item()
    if isinstance(cell, str):
        text = text_of(column, cell)
        cell = None if text is None else moment_of(column, text.strip())
    if cell is None or cell != cell:
        return np.nan
    if isinstance(cell, (int, float, np.integer, np.floating)):
        if column["form"] not in UNITS:
            raise ValueError(f"column {column['name']!r}: {cell} is no date")
        moment = round(float(cell) * UNITS[column["form"]])
        return moment // MICROSECONDS + moment % MICROSECONDS / MICROSECONDS
    if isinstance(cell, datetime.time):
        return (datetime.datetime.combine(START.date(), cell) - START) / DAY
    if isinstance(cell, datetime.timedelta):
        return cell / DAY
    if not isinstance(cell, datetime.datetime):
        cell = datetime.datetime.combine(cell, datetime.time())
    if cell.tzinfo is not None:
        cell = cell.astimezone(datetime.UTC).replace(tzinfo=None)
    since: datetime.timedelta = cell - START
    return since.days + (since - since.days * DAY) / DAY


def moment_of(column: dict[str, Any], text: str) -> datetime.datetime | datetime.time | float:
    """A date as text, or a number since 1970."""
    try:
        if column["form"] in UNITS:
            return float(text)
        if column["form"] == "time":
            return datetime.time.fromisoformat(text)
        return datetime.datetime.fromisoformat(text)
    except ValueError:
        hint = "give dates as datetime, numpy.datetime64 or in ISO 8601"
        raise ValueError(f"column {column['name']!r}: {text!r} is no date; {hint}") from None


def part_of(days: Floats, part: str) -> Floats:
    """A part of dates that are given as days."""
    known = np.isfinite(days)
    moments = np.where(known, np.round(days * 86_400_000), 0).astype("datetime64[ms]")
    date, month = moments.astype("datetime64[D]"), moments.astype("datetime64[M]")
    months = month.astype(np.int64)
    clock = (moments - date).astype(np.int64) // 60_000
    values = {
        "year": 1970 + months // 12, "quarter": months % 12 // 3 + 1, "month": months % 12 + 1,
        "day": (date - month).astype(np.int64) + 1, "weekday": (date.astype(np.int64) + 3) % 7 + 1,
        "dayofyear": (date - moments.astype("datetime64[Y]")).astype(np.int64) + 1,
        "hour": clock // 60, "minute": clock % 60,
    }  # fmt: skip
    return np.where(known, values[part], np.nan)


def main() -> None:
    """Predict the rows of a CSV file."""
    with open(sys.argv[1], newline="", encoding="utf-8-sig") as stream:
        first = stream.readline()
        stream.seek(0)
        rows = list(csv.reader(stream, delimiter=max(",;\t|", key=first.count)))
    table = {name: [row[place] for row in rows[1:]] for place, name in enumerate(rows[0])}
    columns = predict(table)
    output = csv.writer(sys.stdout, lineterminator="\n")
    output.writerow(columns)
    for row in zip(*columns.values(), strict=True):
        output.writerow("NA" if cell is None or cell != cell else cell for cell in row)


if __name__ == "__main__":
    main()
