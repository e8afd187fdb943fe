"""A network that starts from the weights of another one (--init)."""

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor

from dlcli.config.train_deconv import TrainDeconvConfig
from dlcli.errors import DlcliError
from dlcli.networks.model.deconv import DeconvNet
from dlcli.networks.model.saved import SavedNetwork
from dlcli.networks.model.spec import DeconvSpec
from dlcli.runs import directory
from dlcli.runs.bundled import bundled_folder, is_bundled
from dlcli.runs.open import run_folder
from dlcli.text import counted, listed

NAMED = 3  # layers that a line names
ConfigT = TypeVar("ConfigT", bound=TrainDeconvConfig)


@dataclass(frozen=True)
class Start:
    """Where a network's weights come from: ``given`` is the value of --init."""

    given: str
    saved: SavedNetwork

    @classmethod
    def of(cls, given: Path, channels: int | None) -> "Start":
        """The network of a run, a file or bundled:NAME, for images of so many ``channels``.

        Raises DlcliError where there is none, or no network of images.
        """
        try:
            if is_bundled(given):
                path = bundled_folder(given, channels) / directory.MODEL
            else:
                path = given if given.suffix == ".safetensors" else run_folder(given) / directory.MODEL
            return cls(str(given), SavedNetwork.load(path))
        except DlcliError as error:
            raise DlcliError(f"--init: {error.message}", error.hint) from None

    def adopted(self, config: ConfigT) -> ConfigT:
        """``config`` with the network's shape where it gives none, so that all weights fit."""
        spec, given = self.saved.spec, config.model_fields_set
        shape = {
            "filters": ",".join(map(str, spec.filters)), "stride": ",".join(map(str, spec.strides)),
            "kernel": spec.kernel, "depth": spec.depth, "skip": spec.skip, "activation": spec.activation,
            "unshuffle": spec.unshuffle,
        }  # fmt: skip
        told = config.task == "denoise" and config.targets == "clean" and config.poisson is None
        if told and spec.head.noise_map:  # noisy images have the level that they have
            shape["noise_map"] = True
            if config.sigma is None:
                low, high = self.saved.task["sigma"]
                shape["sigma"] = f"{low:g}/255:{high:g}/255"
        if "filters" in given:
            del shape["stride"]
        return config.model_copy(update={name: value for name, value in shape.items() if name not in given})

    def into(self, network: DeconvNet) -> str:
        """Copy the weights that fit into ``network``; returns a line on what was taken and what was not."""
        have, want = self.saved.spec, network.spec
        taken = list[str]()
        left = ["linear"] if have.linear and not want.linear else []
        with torch.no_grad():
            for name, tensor in network.state_dict().items():
                found, layer = self.saved.state.get(name), name.rpartition(".")[0] or name
                if name == "linear" and not have.linear:
                    tensor.zero_()  # the other weights were trained without
                elif found is not None and _copied(tensor, found, have, want):
                    taken.append(layer)
                else:
                    left.append(layer)
        left = list(dict.fromkeys(left))
        taken = [layer for layer in dict.fromkeys(taken) if layer not in left]
        if not taken:
            raise DlcliError(
                f"--init {self.given}: none of its layers has the shape of one here ({_shape(have)}; here "
                f"{_shape(want)})", "leave --filters, --kernel and --arch out, or give another network",
            )  # fmt: skip
        text = f"starting from {self.given}: its weights for {len(taken)} of {counted(len(taken) + len(left), 'layer')}"
        if left:
            more = f" and {len(left) - NAMED} more" if len(left) > NAMED else ""
            text += (
                f"; {listed(left[:NAMED])}{more} begin anew, as their shapes differ ({_shape(have)}; {_shape(want)})"
            )
        return text


def _copied(tensor: Tensor, found: Tensor, have: DeconvSpec, want: DeconvSpec) -> bool:
    """Copy ``found`` into ``tensor`` if it fits; a first layer may have fewer or more channels beside the image's."""
    if tensor.shape == found.shape:
        tensor.copy_(found)
        return True
    of_images = have.output_channels == want.output_channels and have.unshuffle == want.unshuffle
    inputs = (have.input_channels * have.unshuffle**2, want.input_channels * want.unshuffle**2)
    if not (of_images and tensor.ndim == 4 and (found.shape[1], tensor.shape[1]) == inputs):
        return False
    if tensor.shape[0] != found.shape[0] or tensor.shape[2:] != found.shape[2:]:
        return False
    shared = min(inputs)
    tensor.zero_()
    tensor[:, :shared] = found[:, :shared]
    return True


def _shape(spec: DeconvSpec) -> str:
    inputs = f"{spec.input_channels} -> " if spec.input_channels != spec.output_channels else ""
    return f"{inputs}{counted(spec.output_channels, 'channel')}, filters {','.join(map(str, spec.filters))}"
