"""The pictures of a run in a page: sheets of images with a slider, others as they are."""

import base64
import io
import json
from collections.abc import Sequence

from dlcli.reports.charts.layout import SHEET
from dlcli.reports.page.source import Picture, Shown, Slider

MOST_BYTES = 1_300_000  # of all pictures of a run, as base64
DRAWN_AGAIN = ("loss",)  # charts that the page has as SVG
SHEETS = ("samples",)  # the first


def picture_views(pictures: Sequence[Picture]) -> tuple[list[Slider], list[Shown], list[str]]:
    """Sliders, pictures shown as they are, and names of those that are left out, as they would be too large."""
    sliders, shown, left = list[Slider](), list[Shown](), list[str]()
    room = MOST_BYTES
    for picture in sorted(pictures, key=lambda one: (one.name not in SHEETS, one.name)):
        if picture.name in DRAWN_AGAIN:
            continue
        found = sliders_of(picture)
        size = sum(len(one.before) + len(one.after) + sum(len(u) for _, u in one.others) for one in found)
        size = size or len(picture.data) * 4 // 3
        if size > room:
            left.append(picture.name)
            continue
        room -= size
        sliders += found
        if not found:
            shown.append(Shown(picture.name, data_url(picture.data)))
    return sliders, shown, left


def sliders_of(picture: Picture) -> list[Slider]:
    """Each row of a sheet that says where its pictures are: the first two to slide between, and the third."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(picture.data), formats=["PNG"]) as sheet:
            sheet.load()
            layout = json.loads(sheet.info.get(SHEET, "null"))
            if not isinstance(layout, dict):
                return []
            before, after, *others = [str(title) for title in layout["titles"]]
            return [
                Slider(
                    str(row["caption"]),
                    _part(sheet, row["boxes"][0]),
                    _part(sheet, row["boxes"][1]),
                    (before, after),
                    [(title, _part(sheet, box)) for title, box in zip(others[:1], row["boxes"][2:3], strict=True)],
                )
                for row in layout["rows"]
            ]
    except (OSError, ValueError, TypeError, KeyError, IndexError, SyntaxError):
        return []


def _part(sheet: "object", box: Sequence[int]) -> str:
    from PIL import Image

    assert isinstance(sheet, Image.Image)
    left, top, width, height = (int(number) for number in box)
    buffer = io.BytesIO()
    part = sheet.crop((left, top, left + width, top + height))
    (part.convert("L") if _is_gray(part) else part).save(buffer, "PNG")
    return data_url(buffer.getvalue())


def _is_gray(part: "object") -> bool:
    from PIL import Image, ImageChops

    assert isinstance(part, Image.Image)
    red, green, blue = part.convert("RGB").split()
    return not ImageChops.difference(red, green).getbbox() and not ImageChops.difference(red, blue).getbbox()


def data_url(png: bytes) -> str:
    """A PNG as a URL that needs no request."""
    return "data:image/png;base64," + base64.b64encode(png).decode()
