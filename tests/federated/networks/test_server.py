"""How a server of networks puts the clients' changes together."""

import numpy as np
import pytest

from dlcli.federated.masking import MaskKey
from dlcli.federated.networks.server import AveragingServer
from dlcli.federated.privacy import PrivateServer, epsilon_of, noise_for
from dlcli.federated.sampling import Participation

ALL = Participation(4, 1.0, 0.0, 0)
ASKED = [0, 1, 2, 3]


@pytest.mark.parametrize("key", [None, MaskKey(3)])
def test_changes_count_by_images(key):
    rng = np.random.default_rng(0)
    updates, images = {c: rng.normal(size=50) for c in (0, 1, 3)}, {0: 5, 1: 20, 3: 75}  # client 2 gave no answer
    found = AveragingServer(ALL, key).averaged(updates, images, ASKED, 0)
    wanted = np.average([updates[c] for c in images], axis=0, weights=list(images.values()))
    assert np.abs(found - wanted).max() < 1e-12


@pytest.mark.parametrize("key", [None, MaskKey(3)])
def test_private_changes_are_cut_and_count_alike(key):
    updates = {0: np.array([3.0, 4.0]), 1: np.array([0.3, 0.4])}
    server = PrivateServer(ALL, 1.0, 1e-9, 0, key)
    found = server.averaged(updates, {0: 1, 1: 1000}, ASKED, 0)
    assert found == pytest.approx([(0.6 + 0.3) / 4, (0.8 + 0.4) / 4], abs=1e-6)  # by those asked, whoever answers
    assert server.counts == {"messages": 2, "clipped": 1}


def test_noise_has_its_size_and_is_new_in_each_round():
    server, nothing = PrivateServer(ALL, 0.5, 3.0, 0), {0: np.zeros(20_000)}
    first, second = (server.averaged(nothing, {0: 1}, ASKED, number) for number in (0, 1))
    assert first.std() == pytest.approx(3.0 * 0.5 / 4, rel=0.03)
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.05


def test_epsilon_of_one_round_is_that_of_the_gaussian_mechanism():
    pytest.importorskip("dp_accounting")
    from scipy.optimize import brentq
    from scipy.stats import norm

    noise, delta = 2.0, 1e-5

    def left(epsilon):  # Balle and Wang 2018, equation 6
        return (
            norm.cdf(0.5 / noise - epsilon * noise) - np.exp(epsilon) * norm.cdf(-0.5 / noise - epsilon * noise) - delta
        )

    exact = brentq(left, 0.01, 50)
    assert exact <= epsilon_of(noise, ALL, 1, delta) <= 1.2 * exact  # moments bound it from above
    assert epsilon_of(noise_for(3.0, ALL, 7, delta), ALL, 7, delta) == pytest.approx(3.0, rel=0.02)


def test_fewer_clients_in_a_round_spend_less():
    pytest.importorskip("dp_accounting")
    few, many = (Participation(1000, fraction, 0.0, 0) for fraction in (0.02, 0.5))
    assert epsilon_of(4.0, few, 10, 1e-5) < epsilon_of(4.0, many, 10, 1e-5)
