"""What the tests of charts share: the pixels, a watch over the texts, and odd inputs."""

import io
import itertools

import numpy as np
import pytest
from hypothesis import strategies as st
from PIL import Image

from dlcli.runs.canvas import TEXT, Canvas, length

names = st.text(max_size=40) | st.sampled_from(["steepest", "valley", "minimum/10", "exact 2/l_max", "x" * 300])
numbers = st.floats(allow_nan=True, allow_infinity=True)
rates = st.floats(1e-12, 10) | numbers


def pixels(data):
    """The picture, of which nothing touches the edge."""
    image = np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)
    edge = np.concatenate([image[:2].reshape(-1, 3), image[-2:].reshape(-1, 3), *image[:, [0, 1, -2, -1]]])
    assert (edge == 255).all(), "something leaves the picture"
    return image


@pytest.fixture(autouse=True, scope="module")
def no_text_covers_another():
    """Every chart drawn here is checked: its texts are inside the picture and apart."""
    drawn, text, upright, png = [], Canvas.text, Canvas.upright, Canvas.png

    def note_text(canvas, at, string, *, size=TEXT, anchor="la", **options):
        text(canvas, at, string, size=size, anchor=anchor, **options)
        width, (x, y) = length(string, size), at
        x -= width * {"l": 0, "m": 0.5, "r": 1}[anchor[0]]
        y -= size * {"a": -0.1, "t": 0, "m": 0.5, "b": 1, "s": 0.8}[anchor[1]]
        drawn.append((x, y, x + width, y + size * 0.9, string))

    def note_upright(canvas, at, string):
        upright(canvas, at, string)
        half = length(string) / 2
        drawn.append((at[0] - 7, at[1] - half, at[0] + 7, at[1] + half, string))

    def checked(canvas):
        boxes = [box for box in drawn if box[0] < box[2]]
        drawn.clear()
        for left, top, right, bottom, string in boxes:
            assert min(left, top, canvas.size[0] - right, canvas.size[1] - bottom) >= 0, string
        for a, b in itertools.combinations(boxes, 2):
            assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1], (a, b)
        return png(canvas)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Canvas, "text", note_text)
        patch.setattr(Canvas, "upright", note_upright)
        patch.setattr(Canvas, "png", checked)
        yield


def rgb(color):
    return np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)])
