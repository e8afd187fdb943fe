"""An explanation on one page: its figures, what was found, and its pictures."""

import base64
from collections.abc import Mapping

from dlcli.reports.explain.base import Explanation, Shown
from dlcli.reports.page.pictures import data_url
from dlcli.reports.page.source import Cell, Fact, Page, RunView, Table
from dlcli.reports.page.source import Shown as ShownPicture


def page_of(report: Explanation, drawn: Mapping[str, bytes], made: str) -> Page:
    """The page; ``drawn`` are its pictures by the names of their files. One that is a PDF is only named."""
    places = {name.rpartition(".")[0]: name for name in drawn}
    pictures = [
        ShownPicture(f"{one.title}. {one.about}", _url(places[one.name], drawn[places[one.name]]))
        for one in report.pictures
        if places.get(one.name, "").endswith((".png", ".svg"))
    ]
    beside = [f"plots/{name}" for name in drawn if name.endswith(".pdf")]
    measured = [
        Fact(f"{part} {name}", f"{value:.6g}") for part, each in report.metrics.items() for name, value in each.items()
    ]
    view = RunView(
        name=report.run,
        status=report.status,
        facts=[
            Fact("model", report.run), Fact("explained on", report.data.shown),
            Fact("methods", ", ".join(report.methods)), Fact("seed", str(report.seed)), *measured,
            Fact("dlcli", report.dlcli), *([Fact("pictures", ", ".join(beside))] if beside else []),
        ],
        tables=[_table(one) for one in report.tables() if one.rows],
        pictures=pictures,
    )  # fmt: skip
    return Page(f"Explanation of {report.run}", made, [view], report.findings)


def _url(name: str, data: bytes) -> str:
    """A picture as a URL that needs no request."""
    if name.endswith(".svg"):
        return "data:image/svg+xml;base64," + base64.b64encode(data).decode()
    return data_url(data)


def _table(one: Shown) -> Table:
    return Table(one.title, one.head, [[_cell(text) for text in row] for row in one.rows], one.note)


def _cell(text: str) -> Cell:
    """With the number that a cell holds, by which it is sorted."""
    try:
        return Cell(text, float(text.split(" ")[0].replace(",", "").removesuffix("%")))
    except ValueError:
        return Cell(text)
