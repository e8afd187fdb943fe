"""Files of microscopes (CZI, ND2, LIF), by the readers of bioio: every scene, time and depth, channels together."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from dlcli.engine.arrays import AnyDtype
from dlcli.errors import DlcliError
from dlcli.images.formats.axes import Axes
from dlcli.images.formats.frames import DecodedImage, Header, Stored
from dlcli.images.formats.metadata import Metadata
from dlcli.images.formats.science.extras import imported
from dlcli.text import printable

PLUGINS = {".czi": "bioio_czi", ".nd2": "bioio_nd2", ".lif": "bioio_lif"}


@contextmanager
def opened_micrographs(path: Path, most: int) -> Iterator["MicroscopeStack"]:
    """The frames of a file, of at most ``most`` pixels each. Raises DlcliError for what they can't read."""
    kind = path.suffix[1:].upper()
    reader = imported(PLUGINS[path.suffix.lower()], f"a {kind} file", "microscopy")
    try:
        yield MicroscopeStack(reader.Reader(str(path)), most)
    except DlcliError:
        raise
    except Exception as error:
        raise DlcliError(f"is damaged: {printable(str(error) or type(error).__name__)}", "fetch it again") from None


class MicroscopeStack:
    """The frames of an open file."""

    def __init__(self, image: Any, most: int) -> None:
        self.image, self.parts = image, []
        self.dtype: AnyDtype = np.dtype(image.dtype).newbyteorder("=")
        for scene in image.scenes:
            image.set_scene(scene)
            names = "".join(name for name in image.dims.order if name in "TZCYXS")
            axes = Axes(names, tuple(int(image.dims[name][0]) for name in names))
            height, width, _ = axes.size
            if height * width > most:
                raise DlcliError(f"has more than {most // 10**6} million pixels", "cut it into smaller images")
            self.parts.append((scene, axes))
        self.starts = np.cumsum([0, *(axes.frames for _, axes in self.parts)])

    def __len__(self) -> int:
        return int(self.starts[-1])

    def _place(self, number: int) -> tuple[str, Axes, int]:
        part = int(np.searchsorted(self.starts, number, side="right")) - 1
        return (*self.parts[part], number - int(self.starts[part]))

    def header(self, number: int) -> Header:
        """What frame ``number`` is."""
        _, axes, _ = self._place(number)
        height, width, channels = axes.size
        along = tuple(zip(axes.frame_names, axes.frame_shape, strict=True))
        along = along if len(self.parts) == 1 else (("P", len(self)),)
        uniform = len({one.size for _, one in self.parts}) == 1
        return Header(height, width, channels, "", self.dtype, len(self), along, uniform)

    def frame(self, number: int) -> DecodedImage:
        """Frame ``number``."""
        scene, axes, place = self._place(number)
        if self.image.current_scene != scene:
            self.image.set_scene(scene)
        index = axes.index(place)
        chosen = {name: where for name, where in zip(axes.names, index, strict=True) if isinstance(where, int)}
        order = "".join(name for name in ("Y", "X", axes.channel) if name)
        values = self.image.get_image_dask_data(order, **chosen).compute()
        values = values if axes.channel else values[:, :, None]
        stored = Stored({}, axes.names, axes.shape, axes.channel == "C", len(self))
        metadata = Metadata(calibration=self._calibration())
        return DecodedImage(np.array(values, self.dtype, order="C"), None, "BIOIO", "", metadata, stored=stored)

    def _calibration(self) -> tuple[float, float] | None:
        """Pixels a micrometer."""
        size = self.image.physical_pixel_sizes
        return (1 / size.X, 1 / size.Y) if size.X and size.Y and size.X > 0 and size.Y > 0 else None
