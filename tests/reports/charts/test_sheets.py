"""Sheets of pictures: what is drawn is read back from the pixels."""

import io

import numpy as np
import pytest
from PIL import Image

from dlcli.reports.charts.sheets import (
    CELL,
    MAX_ROWS,
    MISS,
    class_sheet,
    sample_sheet,
)


def pixels(data):
    image = Image.open(io.BytesIO(data))
    assert image.format == "PNG"
    return np.asarray(image.convert("RGB")).astype(int)


def level(value, *shape):
    return np.full(shape, value, np.uint8)


def boxes(sheet, color):
    """Corners (top, left, bottom, right) of all that has exactly this color."""
    found = np.argwhere((sheet == color).all(axis=2))
    return (*found.min(axis=0), *(found.max(axis=0) + 1)) if len(found) else None


def rgb(name):
    return [int(name[i : i + 2], 16) for i in (1, 3, 5)]


@pytest.mark.parametrize(("side", "shown"), [(28, 252), (100, 200), (200, 200), (256, 256), (400, CELL)])
def test_pictures_stand_side_by_side_in_whole_pixels(side, shown):
    row = (level(77, side, side), level(150, side, side), level(130, side, side))
    sheet = pixels(sample_sheet([row], ["input 20.17 dB, output 29.91 dB"]))
    found = [boxes(sheet, [value] * 3) for value in (77, 150, 130, 4 * 20)]
    for top, left, bottom, right in found:
        assert (bottom - top, right - left) == (shown, shown)
        assert top == found[0][0]
    lefts = [left for _, left, _, _ in found]
    assert lefts == sorted(lefts)
    assert np.ptp(np.diff(lefts)) == 0


def test_pixels_are_enlarged_without_blending():
    checks = np.indices((28, 28)).sum(axis=0).astype(np.uint8) % 2 * 100 + 50
    sheet = pixels(sample_sheet([(checks, checks, checks)], ["same"]))
    top, left, bottom, _ = boxes(sheet, [50] * 3)
    assert (sheet[top:bottom, left : left + 252, 0] == checks.repeat(9, 0).repeat(9, 1)).all()


def test_large_pictures_show_their_center():
    picture = np.zeros((300, 500), np.uint8)
    picture[150, 250] = 201
    sheet = pixels(sample_sheet([(picture, level(9, 300, 500), level(10, 300, 500))], ["c"]))
    top, left, _, _ = boxes(sheet, [0] * 3)
    assert tuple(sheet[top + 128, left + 128]) == (201, 201, 201)


def test_errors_are_amplified_and_have_a_limit():
    target = np.zeros((256, 256, 3), np.uint8)
    output = target.copy()
    output[..., 0], output[..., 1] = 10, 90
    sheet = pixels(sample_sheet([(level(33, 256, 256, 3), output, target)], ["c"]))
    assert boxes(sheet, [40, 255, 0]) is not None


def test_rows_beyond_the_sixth_are_left_out():
    row = (level(1, 28, 28),) * 3
    six, ten = (pixels(sample_sheet([row] * n, ["c"] * n)) for n in (MAX_ROWS, 10))
    assert np.array_equal(six, ten)
    assert six.shape[0] > 6 * 252


@pytest.mark.parametrize("shape", [(1, 1), (1, 900), (700, 2, 3)])
def test_odd_shapes_still_give_a_sheet(shape):
    assert pixels(sample_sheet([(level(5, *shape),) * 3], ["c"])).size


def test_rows_of_several_sizes_and_no_rows():
    rows = [(level(1, 28, 28),) * 3, (level(2, 300, 200, 3),) * 3]
    assert pixels(sample_sheet(rows, ["a", "b"])).shape[0] > 252 + 256
    assert pixels(sample_sheet([], [])).size


def test_only_wrong_guesses_are_framed():
    images = [level(100, 28, 28)] * 3
    right = pixels(class_sheet(images, ["a", "b", "c"], ["a", "b", "c"], [0.9, 0.8, 0.7]))
    wrong = pixels(class_sheet(images, ["a", "b", "c"], ["a", "c", "c"], [0.9, 0.8, 0.7]))
    assert boxes(right, rgb(MISS)) is None
    _, left, _, right_end = boxes(wrong, rgb(MISS))
    pictures = np.flatnonzero((wrong == 100).all(axis=2).any(axis=0))
    second = pictures[len(pictures) // 3 : 2 * len(pictures) // 3]
    assert left < second.min()
    assert second.max() < right_end
    assert right_end - left < 130


def test_a_class_sheet_has_room_for_48_images_and_long_names():
    names = ["a class with a very long name indeed"] * 60
    many = pixels(class_sheet([level(7, 300, 20, 3)] * 60, names, names, [1.0] * 60))
    fewer = pixels(class_sheet([level(7, 300, 20, 3)] * 48, names[:48], names[:48], [1.0] * 48))
    assert np.array_equal(many, fewer)


def test_names_in_any_script_are_no_boxes():
    row = (level(1, 28, 28),) * 3
    sheets = [pixels(sample_sheet([row], [name])) for name in ("кот", "кит", "a\U00020000", "a\U00020001")]
    sheets += [pixels(class_sheet([row[0]], [name], [name], [1.0])) for name in ("кот", "кит")]
    for a, b in (sheets[:2], sheets[2:4], sheets[4:]):
        assert a.shape != b.shape or (a != b).any()
