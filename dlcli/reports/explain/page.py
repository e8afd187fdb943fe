"""An explanation on one page: its figures, what was found, and its pictures."""

from collections.abc import Mapping

from dlcli.reports.explain.base import Explanation, Shown
from dlcli.reports.page.pictures import data_url
from dlcli.reports.page.source import Cell, Fact, Page, RunView, Table
from dlcli.reports.page.source import Shown as ShownPicture


def page_of(report: Explanation, drawn: Mapping[str, bytes], made: str) -> Page:
    """The page; ``drawn`` are the PNG files of its pictures, by their names."""
    pictures = [
        ShownPicture(f"{one.title}. {one.about}", data_url(drawn[one.name]))
        for one in report.pictures
        if one.name in drawn
    ]
    measured = [
        Fact(f"{part} {name}", f"{value:.6g}") for part, each in report.metrics.items() for name, value in each.items()
    ]
    view = RunView(
        name=report.run,
        status=report.status,
        facts=[
            Fact("model", report.run), Fact("explained on", report.data.shown),
            Fact("methods", ", ".join(report.methods)), Fact("seed", str(report.seed)), *measured,
            Fact("dlcli", report.dlcli),
        ],
        tables=[_table(one) for one in report.tables() if one.rows],
        pictures=pictures,
        left_out=[one.name for one in report.pictures if one.name not in drawn],
    )  # fmt: skip
    return Page(f"Explanation of {report.run}", made, [view], report.findings)


def _table(one: Shown) -> Table:
    return Table(one.title, one.head, [[_cell(text) for text in row] for row in one.rows], one.note)


def _cell(text: str) -> Cell:
    """With the number that a cell holds, by which it is sorted."""
    try:
        return Cell(text, float(text.split(" ")[0].replace(",", "").removesuffix("%")))
    except ValueError:
        return Cell(text)
