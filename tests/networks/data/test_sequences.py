"""Frames of a video in a folder are held out together; photographs that merely have numbers are split as ever."""

import numpy as np
import pytest
from PIL import Image

from dlcli.images.image_set import ImageSet, open_image_set
from dlcli.networks.data.sequences import FEWEST, PAIRS, sequences, with_sequences
from dlcli.networks.data.split import split
from tests.networks.examples import smooth

RANDOM = np.random.default_rng(0)


def video(count=60, sigma=20.0):
    """A camera that moves over a scene, with noise that is new in each frame."""
    scene = smooth(64, 64 + 4 * count).astype(float)
    return [
        np.clip(scene[:, 2 * i : 2 * i + 64] + RANDOM.normal(0, sigma, (64, 64)), 0, 255).astype(np.uint8)
        for i in range(count)
    ]


def images_of(arrays, pattern="clip/f_{:04d}.png"):
    return ImageSet.of_arrays(arrays, [pattern.format(i) for i in range(len(arrays))])


@pytest.mark.parametrize("sigma", [0.0, 50.0])
def test_a_video_is_held_out_at_its_end(sigma):
    notes = []
    found = with_sequences(images_of(video(sigma=sigma)), notes)
    assert [kin.place for kin in found.kin] == list(range(60))
    (note,) = notes
    assert note.startswith("clip/f_*.png: 60 numbered images whose neighbors show nearly the same")
    train, val = split(60, 0.1, 0, None, found.kin)
    assert val == list(range(54, 60))
    assert max(train) < 53


def test_numbers_order_frames_not_letters():
    frames = video(30)
    found = with_sequences(images_of(frames, "f{}.png"), [])  # f10 comes before f2 by letters
    assert [kin.place for kin in found.kin] == list(range(30))


def test_other_images_are_left_as_they_are():
    photos = [smooth(64, 64, 1, seed) for seed in range(60)]
    aligned = [(0.9 * smooth(64, 64) + 0.1 * photo).astype(np.uint8) for photo in photos]
    for arrays in (photos, aligned, video(FEWEST - 1)):
        notes = []
        image_set = images_of(arrays)
        assert with_sequences(image_set, notes) is image_set
        assert notes == []
    named = images_of(video(), "{}-frame-of-the-clip/a.png")  # numbers of folders aren't those of frames
    assert with_sequences(named, []) is named


def test_few_images_are_looked_at():
    seen = []

    def look(thumbnails):
        return lambda i: seen.append(i) or thumbnails[i]

    unlike = np.linalg.qr(RANDOM.normal(size=(256, 256)))[0].astype(np.float32)
    names = [f"IMG_{i:04d}.jpg" for i in range(200)]
    assert not any(sequences(names, [(8, 8)] * 200, [None] * 200, look(unlike)))
    assert len(seen) == 4
    seen.clear()
    names = [f"{i // 10:03d}/{i % 10}.jpg" for i in range(200)]  # twenty folders
    assert not any(sequences(names, [(8, 8)] * 200, [None] * 200, look(unlike)))
    assert len(seen) == 4 * 8
    seen.clear()
    alike = [np.cos(np.arange(256) / 40 + i / 60).astype(np.float32) for i in range(200)]
    alike = [one / np.linalg.norm(one) for one in alike]
    assert all(sequences([f"{i}.png" for i in range(200)], [(8, 8)] * 200, [None] * 200, look(alike)))
    assert len(seen) == 2 * PAIRS


def test_several_clips_and_photographs(tmp_path):
    for clip in range(3):
        (tmp_path / f"clip{clip}").mkdir()
        scene = np.roll(smooth(64, 200, 1, clip), 7, axis=1)
        for i in range(12):
            Image.fromarray(scene[:, 3 * i : 3 * i + 64]).save(tmp_path / f"clip{clip}/{i:03d}.png")
    for i in range(20):
        Image.fromarray(smooth(64, 64, 1, 50 + i)).save(tmp_path / f"photo{i}.png")
    image_set = open_image_set([str(tmp_path)])
    notes = []
    found = with_sequences(image_set, notes)
    stacks = [kin.stack if kin else None for kin in found.kin]
    assert stacks == [f"clip{i // 12}/*.png" for i in range(36)] + [None] * 20
    assert notes[0].startswith("clip0/*.png and 2 more: 36 numbered images")
    train, val = split(len(found), 0.2, 0, None, found.kin)
    assert sorted([*train, *val]) == list(range(56))  # many stacks: whole ones
    for clip in range(3):
        assert len({i in val for i in range(12 * clip, 12 * clip + 12)}) == 1


def test_photographs_with_numbers_are_split_as_before(shared):
    image_set = open_image_set([str(shared / "images/train400")])
    assert with_sequences(image_set, []) is image_set
