"""An image file as its first frame, and from one, for tests."""

from contextlib import closing

from dlcli.images.formats.codecs import read_frames
from dlcli.images.formats.metadata import Metadata
from dlcli.images.formats.output import Wanted, opened_writer

NOTHING = Metadata()


def read_image(path, label):
    with closing(read_frames(path, label)) as frames:
        return next(frames)


def write_image(path, frame, format_, metadata=NOTHING):
    with opened_writer(path, Wanted(format_, 1, metadata)) as writer:
        writer.add(frame)
