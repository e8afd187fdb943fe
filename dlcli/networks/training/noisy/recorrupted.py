"""Batches of noisy images alone: each is made noisier, and is its own target.

Recorrupted-to-recorrupted (Pang et al., CVPR 2021; generalized by Monroy, Bacca & Tachella, CVPR 2025): of an image y
and noise n drawn as that in y is distributed, y + a n and y - n / a have independent noise. The mean of the second is
the clean image, so a network that makes it from the first learns, by the mean squared error, what it would learn from
clean images: Noise2Noise (Lehtinen et al. 2018) without a second shot. Of few photons n is what thinning them leaves
(``SetNoise.draw``), so that both are independent, too. Where there are more the variance of y itself stands for that of
the clean image: as it is linear, the covariance of the two stays zero on average.

Each crop is taken twice, with n and with -n (antithetic variates, Hammersley & Morton 1956): what n / a adds to the
gradient by chance, which is most of what makes it noisy, is opposite in the two, and leaves no more than the network's
slope times n.
"""

import torch

from dlcli.degradations.noise import with_level
from dlcli.images.crops import CropSampler
from dlcli.images.normalization import Normalization
from dlcli.networks.data.batch import Batch
from dlcli.networks.data.noise.set_noise import SetNoise
from dlcli.networks.tensors import normalized_
from dlcli.networks.training.batches import as_floats, crops_on, generator_for
from dlcli.networks.training.noisy.weighted import away_from_ends, with_weights

# Small ones leave the input nearly as it is, and make the target so noisy that steps are of chance: its variance is
# 1 + 1 / a^2 times that of y. The network is told how much noise there is, and so reads y itself well.
STRENGTHS = (0.3, 0.8)


class RecorruptedBatches:
    """Crops of noisy images as pairs of inputs and targets, with weights (``WeightedSquares``)."""

    def __init__(self, sampler: CropSampler, noise: SetNoise, device: str, seed: int, scale: Normalization) -> None:
        self.sampler, self.noise, self.device, self.seed, self.scale = sampler, noise, device, seed, scale
        self._crops = crops_on(sampler, device)

    def __call__(self, step: int, size: int) -> Batch:
        """Batch ``step``; the same numbers give the same batch."""
        # What thinning leaves of few photons is not as likely with the other sign.
        times = 1 if self.noise.few_photons else 2
        crops = -(-size // times)
        numbers = self.sampler.indices(step, crops)
        y = normalized_(as_floats(self._crops.batch(step, crops)[0], torch.channels_last), self.scale)
        generator = generator_for(self.seed, step, self.device)
        low, high = STRENGTHS
        draw = torch.rand((crops, 1, 1, 1), generator=generator, device=generator.device).to(y.device)
        strength = low + (high - low) * draw
        noise = self.noise.draw(y, numbers, generator, strength)
        whole = self.noise.whole(y, numbers, generator)
        signed = torch.cat([noise, -noise])[:size] if times > 1 else noise
        y, whole, strength = (part.repeat(times, 1, 1, 1)[:size] for part in (y, whole, strength))
        numbers = (numbers * times)[:size]
        noisier = torch.addcmul(whole, signed, strength)
        if self.noise.drawn_anew:
            noisier = noisier.clamp(*self.noise.ends)  # as images are that it will see
        level = self.noise.told(noisier if self.noise.by_pixel else y, numbers) * (1 + strength**2).sqrt()
        target = torch.addcdiv(whole, signed, strength, value=-1)
        weights = torch.ones_like(y) if self.noise.drawn_anew else away_from_ends(y, self.noise.ends)
        return Batch(with_level(noisier, level), noisier, with_weights(target, weights))
