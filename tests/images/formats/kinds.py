"""One file of every kind that is read, each made by a library from outside, with what that library reads of it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

HIGH, WIDE = 24, 31


def noise(dtype: Any, *shape: int) -> np.ndarray:
    """Random values: of whole numbers all that the type has, up to 2^53; of floats a range beyond [0, 1]."""
    random, dtype = np.random.default_rng(sum(shape)), np.dtype(dtype)
    if dtype.kind == "f":
        return (random.normal(300, 200, shape)).astype(dtype)
    info = np.iinfo(dtype)
    return random.integers(
        max(info.min, -(1 << 52)), min(info.max, 1 << 52), shape, dtype.newbyteorder("="), endpoint=True
    )


@dataclass(frozen=True)
class Kind:
    """``make`` writes a file to a path and returns what a reference reads: frames as (N, H, W, C), and alpha last.

    ``exact`` False: of a format that loses details, or that is written as another type.
    """

    name: str
    ending: str
    make: Callable[[Path], np.ndarray]
    alpha: bool = False
    exact: bool = True
    out: str = ""  # the ending of what predict writes, if another


def tiff(name: str, values: np.ndarray, axes: str = "", *, alpha: bool = False, **options: Any) -> Kind:
    """A TIFF by tifffile, read by it; ``axes`` are those of what it reads, if not (H, W) or (H, W, C)."""
    import tifffile

    def make(path: Path) -> np.ndarray:
        tifffile.imwrite(path, values, **options)
        read = tifffile.imread(path)
        np.testing.assert_array_equal(read, values)
        return as_frames(read, axes or ("YX" if read.ndim == 2 else "YXC"))

    return Kind(f"tiff {name}", ".ome.tif" if options.get("ome") else ".tif", make, alpha)


def picture(name: str, ending: str, mode: str, *, exact: bool = True, **options: Any) -> Kind:
    """A picture by Pillow, read by it."""
    from PIL import Image

    def make(path: Path) -> np.ndarray:
        channels = {"1": 1, "L": 1, "LA": 2, "P": 3, "I;16": 1, "RGB": 3, "RGBA": 4, "CMYK": 3}[mode]
        values = noise(np.uint16 if mode == "I;16" else np.uint8, HIGH, WIDE, channels)
        if mode == "LA" or mode == "RGBA":
            values[:, :, -1] |= 1
        image = Image.fromarray(values.squeeze())
        if mode in ("1", "P", "CMYK"):
            image = image.convert(mode) if mode != "P" else image.quantize(40)
        image.save(path, **options)
        with Image.open(path) as read:
            plain = {"1": "L", "P": "RGB", "CMYK": "RGB"}.get(mode, read.mode)
            return np.asarray(read.convert(plain)).reshape(1, HIGH, WIDE, -1)

    return Kind(name, ending, make, mode in ("LA", "RGBA"), exact)


def as_frames(values: np.ndarray, axes: str) -> np.ndarray:
    """(N, H, W, C) of an array with these axes; C and S are channels, S before C."""
    channel = "S" if "S" in axes else "C" if "C" in axes else ""
    order = [i for i, name in enumerate(axes) if name not in ("Y", "X", channel)]
    order += [axes.index(name) for name in ("Y", "X", *channel)]
    turned = values.transpose(order)
    height, width = values.shape[axes.index("Y")], values.shape[axes.index("X")]
    return turned.reshape(-1, height, width, values.shape[axes.index(channel)] if channel else 1)


def zarr_kind(name: str, values: np.ndarray, axes: str, version: int, *, ome: bool = False) -> Kind:
    def make(path: Path) -> np.ndarray:
        zarr = pytest.importorskip("zarr")
        chunks = tuple(min(8, side) for side in values.shape)
        if not ome:
            names = {"dimension_names": list(axes.lower())} if version == 3 else {}
            array = zarr.create_array(
                str(path), shape=values.shape, dtype=values.dtype, chunks=chunks, zarr_format=version, **names
            )
        else:
            told = {
                "axes": [{"name": letter.lower(), "type": "space"} for letter in axes],
                "datasets": [
                    {"path": "0", "coordinateTransformations": [{"type": "scale", "scale": [0.5] * len(axes)}]}
                ],
            }
            told = {"ome": {"version": "0.5", "multiscales": [told]}} if version == 3 else {"multiscales": [told]}
            group = zarr.create_group(str(path), zarr_format=version, attributes=told)
            array = group.create_array("0", shape=values.shape, dtype=values.dtype, chunks=chunks)
        array[:] = values
        return as_frames(np.asarray(array[:]), axes)

    return Kind(f"zarr {name}", ".zarr", make)


def fits_kind(name: str, values: np.ndarray, *, extension: bool = False) -> Kind:
    def make(path: Path) -> np.ndarray:
        fits = pytest.importorskip("astropy.io.fits")
        header = fits.Header([("OBJECT", "M 31"), ("CRPIX1", 5.0), ("CDELT1", 0.1), ("EXPTIME", 30.5)])
        units = [fits.PrimaryHDU(), fits.ImageHDU(values, header)] if extension else [fits.PrimaryHDU(values, header)]
        fits.HDUList(units).writeto(path)
        read = fits.getdata(path)
        return as_frames(read.astype(read.dtype.newbyteorder("=")), "ZYX"[3 - read.ndim :])

    return Kind(f"fits {name}", ".fits", make)


def camera_raw() -> Kind:
    def make(path: Path) -> np.ndarray:
        import tifffile

        rawpy = pytest.importorskip("rawpy")
        one, none = (10, 10), (0, 10)
        matrix = [number for pair in (one, none, none, none, one, none, none, none, one) for number in pair]
        tags = [
            (33421, "H", 2, (2, 2), True), (33422, "B", 4, (0, 1, 1, 2), True), (50706, "B", 4, (1, 4, 0, 0), True),
            (50708, "s", 0, "Camera", True), (50721, "2i", 9, matrix, True), (50717, "H", 1, 4095, True),
            (50728, "2I", 3, (1, 1, 1, 1, 1, 1), True),
        ]  # fmt: skip
        mosaic = noise(np.uint16, 64, 96) >> 4
        tifffile.imwrite(path, mosaic, photometric="cfa", metadata=None, extratags=tags)
        with rawpy.imread(str(path)) as raw:
            return raw.postprocess(gamma=(1, 1), no_auto_bright=True, output_bps=16, use_camera_wb=True)[None]

    return Kind("camera raw", ".dng", make, out=".tif")


def animation(ending: str, **options: Any) -> Kind:
    from PIL import Image

    def make(path: Path) -> np.ndarray:
        values = noise(np.uint8, 3, HIGH, WIDE, 3)
        first, *others = map(Image.fromarray, values)
        first.save(path, save_all=True, append_images=others, duration=[80, 120, 40], **options)
        return values

    return Kind(f"animated {ending[1:]}", ending, make)


def numpy_kind(dtype: Any, *shape: int) -> Kind:
    def make(path: Path) -> np.ndarray:
        values = noise(dtype, *shape)
        values = values / 2000 + 0.4 if values.dtype.kind == "f" else values
        np.save(path, values.astype(dtype))
        return np.load(path).reshape(-1 if len(shape) > 3 else 1, HIGH, WIDE, shape[-1] if len(shape) > 2 else 1)

    return Kind(f"npy {np.dtype(dtype)} {shape}", ".npy", make)


G, C = (HIGH, WIDE), (HIGH, WIDE, 3)
IMAGEJ = {"imagej": True, "metadata": {"axes": "TZCYX", "spacing": 2.5, "unit": "um"}, "resolution": (4, 4)}
KINDS = [
    *(tiff(f"gray {dtype}", noise(dtype, *G)) for dtype in (
        "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float16", "float32", "float64",
    )),
    *(tiff(f"rgb {dtype}", noise(dtype, *C), photometric="rgb") for dtype in ("uint8", "uint16", "float32", "float64")),
    tiff("rgb big-endian", noise(">u2", *C), photometric="rgb", byteorder=">"),
    tiff("planar rgb uint16", noise("uint16", 3, *G), "CYX", photometric="rgb", planarconfig="separate"),
    tiff("planar rgb uint8 lzw", noise("uint8", 3, *G), "CYX", photometric="rgb", planarconfig="separate",
         compression="lzw"),
    tiff("rgba uint8", noise("uint8", HIGH, WIDE, 4) | 1, photometric="rgb", alpha=True),
    tiff("rgba uint16", noise("uint16", HIGH, WIDE, 4) | 1, photometric="rgb", alpha=True),
    tiff("2 channels", noise("uint16", 2, *G), "CYX", photometric="minisblack", planarconfig="separate"),
    tiff("5 channels", noise("float32", HIGH, WIDE, 5), photometric="minisblack", planarconfig="contig"),
    tiff("tiled", noise("uint16", *G), tile=(16, 16)),
    tiff("tiled rgb deflate", noise("uint8", *C), photometric="rgb", tile=(16, 16), compression="zlib", predictor=2),
    tiff("bigtiff", noise("uint16", *G), bigtiff=True),
    *(tiff(f"{how}", noise("uint16", *G), compression=how) for how in ("zlib", "lzw", "zstd", "lzma", "packbits")),
    tiff("lzw predictor rgb", noise("uint16", *C), photometric="rgb", compression="lzw", predictor=2),
    tiff("float predictor", noise("float32", *G), compression="zlib", predictor=3),
    tiff("lossless jpeg 2000", noise("uint16", *G), compression="jpeg2000"),
    tiff("pages", noise("uint16", 5, *G), "ZYX", photometric="minisblack", metadata=None),
    tiff("pages rgb", noise("uint8", 4, *C), "ZYXS", photometric="rgb"),
    tiff("named axes", noise("float32", 2, 3, *G), "TZYX", metadata={"axes": "TZYX"}, photometric="minisblack"),
    tiff("imagej hyperstack", noise("uint16", 2, 3, 2, *G), "TZCYX", **IMAGEJ),
    tiff("imagej rgb", noise("uint8", 3, *C), "ZYXS", imagej=True, metadata={"axes": "ZYXS"}),
    tiff("ome channels first", noise("uint16", 2, 3, *G), "CZYX", ome=True, metadata={"axes": "CZYX",
         "PhysicalSizeX": 0.25}, photometric="minisblack"),
    tiff("ome time", noise("float32", 3, *G), "TYX", ome=True, metadata={"axes": "TYX"}, photometric="minisblack"),
    tiff("voxels", noise("uint8", 16, 16, 32), "ZYX", volumetric=True, tile=(16, 16, 16), photometric="minisblack"),
    tiff("white is zero", noise("uint16", *G), photometric="miniswhite"),
    picture("tiff palette", ".tif", "P"),
    picture("tiff bilevel ccitt", ".tif", "1", compression="group4"),
    picture("tiff cmyk", ".tif", "CMYK", exact=False),
    picture("png bilevel", ".png", "1"), picture("png gray", ".png", "L"), picture("png gray alpha", ".png", "LA"),
    picture("png 16", ".png", "I;16"), picture("png rgb", ".png", "RGB"), picture("png rgba", ".png", "RGBA"),
    picture("png palette", ".png", "P"), animation(".png"),
    picture("jpeg gray", ".jpg", "L", exact=False), picture("jpeg rgb", ".jpg", "RGB", exact=False),
    picture("jpeg cmyk", ".jpg", "CMYK", exact=False), picture("jpeg progressive", ".jpeg", "RGB", exact=False,
                                                              progressive=True),
    picture("webp lossless", ".webp", "RGB", lossless=True), picture("webp lossy", ".webp", "RGB", quality=80),
    picture("webp rgba", ".webp", "RGBA", lossless=True), animation(".webp", lossless=True),
    picture("bmp gray", ".bmp", "L"), picture("bmp rgb", ".bmp", "RGB"), picture("bmp palette", ".bmp", "P"),
    picture("avif", ".avif", "RGB", exact=False),
    *(numpy_kind(dtype, *G) for dtype in ("uint8", "uint16", "float32")), numpy_kind("uint8", *C),
    numpy_kind("float64", 2, *C),
    zarr_kind("2 array", noise("uint16", *G), "YX", 2), zarr_kind("3 array named", noise("float32", 3, *G), "ZYX", 3),
    zarr_kind("ome 0.4", noise("uint16", 2, 2, *G), "CZYX", 2, ome=True),
    zarr_kind("ome 0.5", noise("int16", 2, 3, *G), "TZYX", 3, ome=True),
    *(fits_kind(dtype, noise(dtype, *G)) for dtype in ("uint8", "int16", "uint16", "int32", "float32", "float64")),
    fits_kind("cube", noise("float32", 3, *G)), fits_kind("extension", noise("int16", *G), extension=True),
    camera_raw(),
]  # fmt: skip
