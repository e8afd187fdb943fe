"""Files of microscopes. Importing their readers takes seconds, so that the real one waits to be asked for."""

import os
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from dlcli.errors import DlcliError
from dlcli.images.formats.codecs import read_frames, read_header
from tests.images.formats.kinds import HIGH, WIDE, as_frames, noise

VALUES = {"P1": noise(np.uint16, 2, 3, 2, HIGH, WIDE), "P2": noise(np.uint16, 1, 3, 2, HIGH, WIDE) // 2}


class Reader:
    """What a reader of bioio offers, of two scenes TZCYX."""

    def __init__(self, path):
        self.scenes, self.current_scene, self.dtype = ("P1", "P2"), "P1", np.dtype(np.uint16)
        self.physical_pixel_sizes = SimpleNamespace(X=0.25, Y=0.5, Z=2.0)

    def set_scene(self, scene):
        self.current_scene = scene

    @property
    def dims(self):
        sizes = dict(zip("TZCYX", VALUES[self.current_scene].shape, strict=True))
        return type("Dimensions", (), {"order": "TZCYX", "__getitem__": lambda _, name: (sizes[name],)})()

    def get_image_dask_data(self, order, T, Z):
        assert order == "YXC"
        return SimpleNamespace(compute=lambda: VALUES[self.current_scene][T, Z].transpose(1, 2, 0))


def test_scenes_times_and_depths_are_frames_and_channels_channels(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "bioio_nd2", SimpleNamespace(Reader=Reader))
    path = tmp_path / "a.nd2"
    path.write_bytes(b"any")
    header, frames = read_header(path, "a"), list(read_frames(path, "a"))
    wanted = np.concatenate([as_frames(values, "TZCYX") for values in VALUES.values()])
    assert (header.frames, header.channels, header.axes) == (9, 2, (("P", 9),))
    np.testing.assert_array_equal([frame.pixels for frame in frames], wanted)
    assert frames[0].metadata.calibration == (4.0, 2.0)


@pytest.mark.parametrize(("ending", "kind"), [(".czi", "CZI"), (".nd2", "ND2"), (".lif", "LIF")])
def test_what_is_not_installed_is_named_with_its_extra(tmp_path, monkeypatch, ending, kind):
    monkeypatch.setitem(sys.modules, f"bioio_{ending[1:]}", None)
    (tmp_path / f"a{ending}").write_bytes(b"any")
    with pytest.raises(DlcliError, match=f"^a is a {kind} file, which takes the package bioio-{ending[1:]}") as caught:
        read_header(tmp_path / f"a{ending}", "a")
    assert caught.value.hint == "pip install 'dlcli[microscopy]'"


@pytest.mark.skipif("DLCLI_TEST_MICROSCOPY" not in os.environ, reason="importing bioio takes five seconds")
def test_czi(tmp_path):
    library = pytest.importorskip("pylibCZIrw.czi")
    values = noise(np.uint16, 3, 2, HIGH, WIDE)
    with library.create_czi(str(tmp_path / "a.czi")) as document:
        for z in range(3):
            for c in range(2):
                document.write(data=values[z, c][..., None], plane={"Z": z, "C": c, "T": 0})
    frames = list(read_frames(tmp_path / "a.czi", "a"))
    np.testing.assert_array_equal([frame.pixels for frame in frames], as_frames(values, "ZCYX"))
