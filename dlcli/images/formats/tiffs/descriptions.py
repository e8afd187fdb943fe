"""What ImageJ, OME or tifffile tell of pages in the description of a TIFF, made true of pages written anew."""

import json
import re
from collections.abc import Sequence

from dlcli.engine.arrays import AnyDtype
from dlcli.images.formats.frames import Stored

OME_TYPES = {"float32": "float", "float64": "double", "complex64": "complex", "complex128": "double-complex"}
ORDERED = "CZT"


def description_of(stored: Stored, size: tuple[int, int], dtype: AnyDtype, scale: float) -> str:
    """The description for pages of ``size`` (height, width), ``scale`` times as large as they were; "" for none.

    The pages lie in the order of the frames, the channels of a frame side by side where they are pages.
    """
    kind, text = stored.options.get("kind", ""), str(stored.options.get("description", ""))
    if kind == "imagej" and text.startswith("ImageJ="):
        return text
    if kind == "ome" and "<OME" in text:
        return _ome(text, stored, size, dtype, scale)
    if kind == "shaped" and stored.frames > 1:
        return _shaped(text, stored, size)
    return ""


def page_axes(stored: Stored) -> tuple[str, tuple[int, ...]]:
    """The axes that the pages are along, the slowest first, and their lengths."""
    letters = dict(zip(stored.axes, stored.shape, strict=False))
    frames = [name for name in stored.axes if name not in "YXS" and not (name == "C" and "S" not in stored.axes)]
    if stored.planes:
        frames.append("S" if "S" in letters else "C")
    return "".join(frames), tuple(letters[name] for name in frames)


def _shaped(text: str, stored: Stored, size: tuple[int, int]) -> str:
    """The JSON of tifffile, for the shape that the array has now."""
    try:
        told = json.loads(text)
    except ValueError:
        told = {}
    names, lengths = page_axes(stored)
    rest = [name for name in stored.axes if name in "YXS" or (name == "C" and not stored.planes)]
    sizes = dict(zip(stored.axes, stored.shape, strict=True)) | {"Y": size[0], "X": size[1]}
    shape = [*lengths, *(sizes[name] for name in rest)]
    axes = {"axes": names + "".join(rest)} if "axes" in told else {}
    return json.dumps({**told, "shape": shape, **axes} if isinstance(told, dict) else {"shape": shape})


def _ome(text: str, stored: Stored, size: tuple[int, int], dtype: AnyDtype, scale: float) -> str:
    """OME-XML with sizes, type and the order of the planes as they are now; the rest stays, word by word."""
    names, _ = page_axes(stored)
    if not set(names) <= set(ORDERED):
        return ""
    fastest = names[::-1] + "".join(name for name in ORDERED if name not in names)
    order = "XY" + (fastest if stored.planes or "C" not in fastest else "C" + fastest.replace("C", ""))
    told = {
        "SizeX": str(size[1]),
        "SizeY": str(size[0]),
        "DimensionOrder": order,
        "Type": OME_TYPES.get(dtype.name, dtype.name),
    }
    start = 0

    def pixels(match: re.Match[str]) -> str:
        nonlocal start
        head, body = match[1], match[2]
        for name, value in told.items():
            head = re.sub(rf'(\s{name}=")[^"]*(")', rf"\g<1>{value}\g<2>", head)
        for name in ("PhysicalSizeX", "PhysicalSizeY"):
            head = re.sub(rf'(\s{name}=")([^"]*)(")', lambda found: _divided(found, scale), head)
        head = re.sub(r'\sBigEndian="[^"]*"', "", head)
        body = re.sub(r"<(\w+:)?TiffData\b[^>]*?(/>|>.*?</(\w+:)?TiffData>)", "", body, flags=re.S)
        count = _planes(head, body)
        prefix = re.match(r"<(\w+:)?", head)
        mark = (prefix[1] or "") if prefix else ""
        data = f'<{mark}TiffData IFD="{start}" PlaneCount="{count}"/>'
        start += count
        return head + _inserted(body, data, mark) + match[3]

    return re.sub(r"(<(?:\w+:)?Pixels\b[^>]*>)(.*?)(</(?:\w+:)?Pixels>)", pixels, text, flags=re.S)


def _inserted(body: str, data: str, mark: str) -> str:
    """``data`` behind the channels, where the schema wants it."""
    end = f"</{mark}Channel>"
    place = body.rfind(end) + len(end) if end in body else 0
    if not place:
        found: Sequence[re.Match[str]] = list(re.finditer(rf"<{mark}Channel\b[^>]*/>", body))
        place = found[-1].end() if found else 0
    return body[:place] + data + body[place:]


def _planes(head: str, body: str) -> int:
    """How many pages the image has: its planes, of which one may hold several channels."""
    sizes = {name: int(value) for name, value in re.findall(r'\sSize([CZT])="(\d+)"', head)}
    samples = [int(value) for value in re.findall(r'SamplesPerPixel="(\d+)"', body)] or [1]
    return sizes.get("Z", 1) * sizes.get("T", 1) * max(sizes.get("C", 1) // max(samples), 1)


def _divided(found: re.Match[str], scale: float) -> str:
    try:
        return found[0] if scale == 1 else f"{found[1]}{float(found[2]) / scale:.10g}{found[3]}"
    except ValueError:
        return found[0]
