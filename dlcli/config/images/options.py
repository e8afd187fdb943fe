"""Which task a network is trained for, and on which images."""

from pathlib import Path
from typing import Literal

from pydantic import field_validator

from dlcli.config import aliases
from dlcli.config.base import Config
from dlcli.config.common import AXES, AXES_ALSO, DATA, known_axes
from dlcli.config.option import option

TASK = "Task"
BUNDLED = "bundled:"  # in front of the name of a network that comes with dlcli
NO_INIT = "none"  # in its place: begin anew

Method = Literal["auto", "recorrupted", "neighbor2neighbor", "blind-spot"]
Task = Literal["denoise", "deblur", "upscale", "inpaint", "dejpeg", "reconstruct", "pairs", "classify"]


class TaskOptions(Config):
    """What the network learns, and how clean images are degraded for it."""

    task: Task = option(
        "denoise", "What the network learns to do.", panel=TASK, also="problem mode degradation objective",
        also_as={
            "denoise": "denoise", "denoising": "denoise", "deblur": "deblur", "upscale": "upscale",
            "super_resolution": "upscale", "superres": "upscale", "sr": "upscale", "inpaint": "inpaint",
            "inpainting": "inpaint", "jpeg": "dejpeg", "deblock": "dejpeg", "deblocking": "dejpeg",
            "autoencoder": "reconstruct", "classify": "classify", "classification": "classify",
        },
    )  # fmt: skip
    sigma: str | None = option(
        None,
        "Gaussian noise: a number on the images' own scale (0 to 255 for 8 bits), a share of their range such as "
        "25/255 or 1.5%, or 12counts; LOW:HIGH for a blind model. By default 25/255 for denoise, 2.55/255 for deblur.",
        panel=TASK,
        metavar="NUMBER|LOW:HIGH",
        also="noise_level noise_std noise_sigma std stddev",
    )
    noise: str | None = option(
        None,
        "Kind of noise that is added to clean images, instead of white noise: camera, as in the files of cameras (it "
        "grows with the light, neighbors share it, JPEG), where --sigma is its deviation on gray, by default 0:10; or "
        "auto:FOLDER, as it is measured in the noisy images there.",
        panel=TASK, metavar="camera|auto:FOLDER", also="noise_type noise_model noise_kind real_noise",
    )  # fmt: skip
    targets: Literal["clean", "noisy"] = option(
        "clean",
        "What the images of denoise are: clean, and noise is added to them; or noisy, and there are no clean ones: the "
        "network learns from pairs that are made of each image and more noise like its own (Recorrupted-to-"
        "recorrupted), as it is measured, or as --sigma and --poisson say.",
        panel=TASK, also="self_supervised n2n unsupervised blind_training noise2noise noise2void",
    )  # fmt: skip
    method: Method = option(
        "auto",
        "How a network learns from noisy images alone: from recorrupted pairs (noise that is known or measured), by "
        "Neighbor2Neighbor (independent from pixel to pixel, of any kind), by blind spots (shared by neighbors); by "
        "default as the measured noise asks for, which a line says.",
        panel=TASK, also="self_supervision noisy_method ssl_method",
    )  # fmt: skip
    poisson: float | None = option(
        None,
        "Poisson noise instead: photons per white pixel. With --sigma both: photon noise, and read noise of that.",
        panel=TASK, gt=0, metavar="PEAK", also="peak photons poisson_noise shot_noise",
    )  # fmt: skip
    noise_map: bool = option(
        False,
        "Tell the network how much noise each image has, as one more channel of its input (FFDNet, Zhang et al. 2018): "
        "--sigma LOW:HIGH is then the range that it is good for, and predict and eval --sigma name the noise.",
        panel=TASK, flags=("--noise-map/--no-noise-map",), also="noise_level_map conditional sigma_map",
    )  # fmt: skip
    blur: str = option(
        "gaussian:1.6",
        "Blur that deblur removes: gaussian:SD, motion:LENGTH:ANGLE, or a kernel file (.npy, .npz, an image; FILE:NAME "
        "for one array of an .npz). For a network that isn't told the blur a range of them: gaussian:LOW:HIGH, "
        "motion:LOW:HIGH:ANGLE, or any as the angle.",
        panel=TASK,
        metavar="KIND|FILE",
        also="psf blur_kernel blur_type",
    )
    scale: Literal["2", "3", "4"] = option(
        "2", "Factor by which upscale enlarges an image.", panel=TASK,
        also="upscale_factor scale_factor upscaling factor zoom",
    )  # fmt: skip
    holes: float = option(
        0.5, "Fraction of the pixels that are missing for inpaint.", panel=TASK, gt=0, lt=1,
        also="missing missing_pixels hole_fraction mask_ratio",
    )  # fmt: skip
    mask: Path | None = option(
        None, "Image of the pixels that are missing for inpaint (white: missing).", panel=TASK, complete="file",
        also="mask_file mask_path mask_image",
    )  # fmt: skip
    quality: str | None = option(
        None,
        "Quality of the JPEG compression that dejpeg undoes, 1 to 100 as of libjpeg: LOW:HIGH, drawn for each image "
        "(the network isn't told), or one number. By default 10:90.",
        panel=TASK, metavar="LOW:HIGH|NUMBER", also="jpeg_quality compression qf quality_factor jpeg",
    )  # fmt: skip


class ImageOptions(Config):
    """Which images are used, and how they are read."""

    data: tuple[str, ...] = option(
        (),
        "Folders of images (class folders for classify; inputs, then targets, for pairs), image files, globs, .npy, "
        ".npz, MNIST's IDX. None: images generated on the fly.",
        argument=True,
        complete="dir",
        also=aliases.DATA + " images image_dir image_folder folder root",
    )
    generated: int | None = option(
        None, "How many images to generate where no DATA is given; by default 240.", panel=DATA, ge=2, le=100_000,
        also="n_images num_images images_to_generate synthetic",
    )  # fmt: skip
    color: bool | None = option(
        None,
        "Train on color or on gray images; by default as the images are.",
        panel=DATA,
        flags=("--color/--gray",),
        also="colour rgb",
        also_as={"grey": False, "grayscale": False, "greyscale": False, "no_color": False},
    )
    channels: int | None = option(
        None,
        "Train on images of this many channels, and leave others out: 1 is gray, 3 is color, others are as of "
        "micrographs; by default as most images are.",
        panel=DATA,
        ge=1,
        le=512,
        also="n_channels num_channels in_channels bands",
    )
    axes: str | None = option(None, AXES, panel=DATA, metavar="ZYX", also=AXES_ALSO)
    val: float = option(
        0.05,
        "Fraction of the images held out for validation; by default more where that would be too few.",
        panel=DATA,
        ge=0,
        lt=1,
        also=aliases.VAL,
    )
    crop: int | None = option(
        None,
        "Side of the square crops, in pixels; by default 96 (article 32, rednet 64), or less where most images are "
        "smaller. For classify the same as --side.",
        panel=DATA,
        ge=8,
        le=4096,
        also="crop_size patch patch_size",
    )
    memory: float | None = option(
        None, "Maximum memory for decoded images, in GB; more are streamed. By default half of what is free.",
        panel=DATA, gt=0, metavar="GB", also="max_memory memory_limit ram cache_size",
    )  # fmt: skip

    @field_validator("axes")
    @classmethod
    def _known_axes(cls, value: str | None) -> str | None:
        return known_axes(value)


# Pydantic takes the fields from the last base on: the order in --help and config.toml.
