"""A page as HTML: Jinja2's templates with everything escaped, and no request to anywhere."""

import base64
import hashlib
from pathlib import Path

from dlcli.files import valid_text
from dlcli.reports.page.source import Chart, Page
from dlcli.text import printable_path

TEMPLATES = Path(__file__).with_name("templates")


def page_html(page: Page) -> str:
    """The page. Names are escaped, and what a browser doesn't show is spelled out."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    def shown(value: object) -> object:
        return printable_path(valid_text(value)) if isinstance(value, str) and not hasattr(value, "__html__") else value

    def drawing(chart: Chart) -> Markup:
        return Markup(valid_text(chart.svg))  # whose texts are escaped as it is drawn

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True,
        undefined=StrictUndefined, finalize=shown,
    )  # fmt: skip
    environment.filters["drawing"] = drawing
    script, style = (
        (TEMPLATES / name).read_text(encoding="utf-8").strip() + "\n" for name in ("page.js", "page.css")
    )  # fmt: skip
    return environment.get_template("page.html").render(
        page=page, script=Markup(script), style=Markup(style), script_hash=_hash(script), style_hash=_hash(style)
    )


def _hash(text: str) -> str:
    """As a content security policy names an inline script or style."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
