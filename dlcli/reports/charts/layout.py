"""Where the pictures of a sheet are, as its PNG says in a text of its own."""

import json
from collections.abc import Sequence

SHEET = "dlcli sheet"  # keyword of the text
Box = tuple[int, int, int, int]


def layout_text(titles: Sequence[str], rows: Sequence[tuple[str, Sequence[Box]]]) -> str:
    """The text: titles of the columns, and of each row its caption and boxes (left, top, width, height), in pixels."""
    return json.dumps({"titles": list(titles), "rows": [{"caption": c, "boxes": list(boxes)} for c, boxes in rows]})
