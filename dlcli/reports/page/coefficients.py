"""Coefficients of linear models: of one run with what is known of each, of several side by side."""

import math
from collections.abc import Sequence

from dlcli.files import JsonObject
from dlcli.reports.page.figures import cell
from dlcli.reports.page.source import Cell, Source, Table
from dlcli.reports.saved.metrics import number

MOST = 2000  # rows of the table: more make the page too large
FIELDS = {
    "value": "value", "std_error": "standard error", "statistic": "t or z", "p": "p", "low": "low", "high": "high",
    "standardized": "standardized",
}  # fmt: skip

Entries = dict[str, dict[str, float | None]]


def entries_of(report: JsonObject) -> Entries:
    """Coefficients by name, those of several classes by name and class."""
    found: Entries = {}
    coefficients = report.get("coefficients")
    for name, one in coefficients.items() if isinstance(coefficients, dict) else ():
        if not isinstance(one, dict):
            continue
        if isinstance(one.get("value"), dict):
            for of in one["value"]:
                values = {f: v.get(of) for f, v in one.items() if isinstance(v, dict)}
                found[f"{name} ({of})"] = {field: number(value) for field, value in values.items()}
        else:
            found[str(name)] = {field: number(value) for field, value in one.items()}
    return found


def coefficient_table(sources: Sequence[Source]) -> Table | None:
    """Of one run every field that is known; of several the values, and how far they are apart. None without any."""
    every = [entries_of(source.report) for source in sources]
    names = list(dict.fromkeys(name for entries in every for name in entries))
    if not names or sum(map(bool, every)) < len(sources):
        names = names if len(sources) == 1 else []
    if not names:
        return None
    kept, note = names, ""
    if len(names) > MOST:
        kept = sorted(names, key=lambda name: -max(_weight(entries.get(name, {})) for entries in every))[:MOST]
        note = f"the {MOST:,} largest by t or z, or by value, of {len(names):,}"
    if len(sources) > 1:
        return _beside(every, kept, [source.name for source in sources], note)
    fields = [field for field in FIELDS if any(one.get(field) is not None for one in every[0].values())]
    rows = [[Cell(name), *(cell(every[0][name].get(field)) for field in fields)] for name in kept]
    return Table("Coefficients", ["coefficient", *(FIELDS[field] for field in fields)], rows, note)


def _beside(every: Sequence[Entries], names: Sequence[str], runs: Sequence[str], note: str) -> Table:
    rows = []
    for name in names:
        values = [entries.get(name, {}).get("value") for entries in every]
        known = [value for value in values if value is not None]
        spread = max(known) - min(known) if len(known) == len(values) else None
        shown = [cell(v) if name in e else Cell("not in it") for v, e in zip(values, every, strict=True)]
        rows.append([Cell(name), *shown, cell(spread)])
    return Table("Coefficients", ["coefficient", *runs, "range"], rows, note)


def _weight(entry: dict[str, float | None]) -> float:
    """How much a coefficient matters: its statistic, else its value."""
    for field in ("statistic", "value"):
        value = entry.get(field)
        if value is not None and math.isfinite(value):
            return abs(value)
    return 0.0
