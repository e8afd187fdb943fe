"""The table of a run, which is on disk after each row: what was measured before a crash is not lost."""

import json
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

OPEN = "not measured"


@dataclass(frozen=True)
class Row:
    """One figure: ``good`` says whether it holds its target, None where it has none."""

    section: str
    what: str
    value: str
    good: bool | None = None
    details: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        mark = {True: "", False: "  MISSED", None: ""}[self.good]
        return f"{self.what}: {self.value}{mark}"


class Table:
    """Rows of one section, appended to a file of JSON lines and printed as they come."""

    def __init__(self, path: Path, section: str) -> None:
        self.path, self.section = path, section
        self.begun = time.perf_counter()

    def add(self, what: str, value: object, good: bool | None = None, **details: Any) -> None:
        """One more row."""
        row = Row(self.section, what, str(value), good, details)
        with self.path.open("a") as file:
            file.write(json.dumps(asdict(row)) + "\n")
        print(f"  {time.perf_counter() - self.begun:6.1f} s  {row}", flush=True)


def read_rows(path: Path) -> list[Row]:
    """The rows so far; a last line that was cut off is left out."""
    rows = []
    for line in path.read_text().splitlines() if path.exists() else []:
        try:
            rows.append(Row(**json.loads(line)))
        except (ValueError, TypeError):
            break
    return rows


def write_summary(folder: Path, rows: list[Row], head: dict[str, Any]) -> None:
    """All rows as cuda.json and as the Markdown table cuda.md."""
    document = head | {"rows": [asdict(row) for row in rows]}
    (folder / "cuda.json").write_text(json.dumps(document, indent=1) + "\n")
    lines = [f"{head['command']}: {head['machine'] or OPEN}", "", "| section | what | value | |", "|---|---|---|---|"]
    marks = {None: "", True: "holds", False: "MISSED"}
    lines += [f"| {row.section} | {row.what} | {row.value} | {marks[row.good]} |" for row in rows]
    (folder / "cuda.md").write_text("\n".join(lines) + "\n")
