"""An image file as its first frame, for tests."""

from contextlib import closing

from dlcli.images.formats.codecs import read_frames


def read_image(path, label):
    with closing(read_frames(path, label)) as frames:
        return next(frames)
