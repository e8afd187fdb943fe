"""What is advised works when it is followed, and has not been done already."""

import re
import shlex

import numpy as np
import pytest

from dlcli.linear.solvers.step_sizes import largest_stable_batch_rate


def numbers(seed=0, n=200, d=4, noise=1.0):
    random = np.random.default_rng(seed)
    X = random.normal(size=(n, d))
    return X, X @ random.normal(size=d) + noise * random.normal(size=n)


def labels(seed=0):
    X, y = numbers(seed, noise=2.0)
    return X, np.where(y > 0, "yes", "no")


def advice(text):
    """The options that a message tells to use, those with a value with it; each in its own list."""
    told = text.rsplit(": use ", 1)[-1] if ": use " in text else text
    return [shlex.split(o.strip(" ,")) for o in re.findall(r"--[a-z0-9-]+ [\w.-]+", told)]


def test_the_case_of_polyak_on_classes(dlcli, case):
    table = case("linear-polyak-remedy", "classes.csv")
    # It goes up and down by chance: at this step it is above where it began.
    command = ["fit-linear", table, "--target", "y", "--schedule", "polyak", "--steps", "400"]
    ran = dlcli(*command)
    assert ran.code == 4
    assert "--lr auto" not in ran.err
    last = ran.err.splitlines()[-1]
    options = advice(last)
    assert [o[0] for o in options] == ["--polyak-target", "--schedule"]
    for option in options:
        again = dlcli(*command, *option)
        assert again.code == 0, again.err


def test_polyak_with_l1_is_not_sent_to_a_solver_that_refuses_l1(dlcli, case):
    table = case("linear-polyak-remedy", "mse.csv")
    command = ["fit-linear", table, "--target", "y", "--schedule", "polyak", "--l1", ".05", "--steps", "2000"]
    warning = dlcli(*command).err.splitlines()[-1]
    assert "--optimizer exact" not in warning
    assert "use --schedule constant" in warning
    ran = dlcli(*command, "--schedule", "constant", "--json")
    assert ran.report["status"] == "converged"


@pytest.mark.parametrize(
    ("make", "options"),
    [
        (numbers, ["--lr", "5"]),
        (numbers, ["--lr", "5", "--momentum", "0.5"]),
        (numbers, ["--optimizer", "sgd", "--lr", "5", "--steps", "500"]),
        (numbers, ["--schedule", "hypergradient", "--hyper-lr", "1e4", "--steps", "500"]),
        (labels, ["--schedule", "hypergradient", "--hyper-lr", "1e6", "--steps", "500"]),
        (numbers, ["--lr", "5", "--l1", "0.01"]),
    ],
)
def test_what_is_advised_against_divergence_works(dlcli, fit, make, options):
    ran = fit(*make(), *options)
    assert ran.code == 4
    given = {o for o in options if o.startswith("--")}
    for option in advice(ran.err.splitlines()[-1]):
        assert option[0] in given or option[0] == "--schedule"
        again = dlcli("fit-linear", "t.csv", "--target", "y", "--out", "run", "--force", *options, *option)
        assert again.code == 0, (option, again.err)


@pytest.mark.parametrize(
    ("make", "options"),
    [
        (numbers, ["--schedule", "cosine", "--lr", "0.05", "--steps", "20"]),
        (numbers, ["--no-standardize", "--steps", "3"]),
        (numbers, ["--l1", "0.01", "--steps", "3"]),
        (labels, ["--optimizer", "gd", "--steps", "20"]),
        (labels, ["--optimizer", "gd", "--l1", "0.01", "--steps", "20"]),
        (labels, ["--optimizer", "gd", "--schedule", "polyak", "--polyak-target", "0.6", "--steps", "20"]),
        (labels, ["--optimizer", "lbfgs", "--steps", "2"]),
    ],
)
def test_what_is_advised_short_of_the_optimum_is_accepted(dlcli, fit, make, options):
    ran = fit(*make(), *options)
    assert ran.report["status"] != "converged"
    warning = ran.err.splitlines()[-1]
    assert "not converged" in warning
    for option in advice(warning):
        assert option[1] not in options
        without = [o for o in options if "--schedule" not in options or option[0] != "--optimizer"]
        if without != options:  # a schedule goes with gd; what is advised is another method altogether
            continue
        again = dlcli("fit-linear", "t.csv", "--target", "y", "--out", "run", "--force", *options, *option)
        assert again.code == 0, (option, again.err)


@pytest.mark.parametrize("seed", range(3))
def test_a_floor_of_noise_is_no_divergence(dlcli, fit, seed):
    """Nothing to learn: the loss of theta = 0 is the lowest that there is, and steps of a constant size stay above."""
    random = np.random.default_rng(seed)
    X, y = random.normal(size=(1000, 30)), random.normal(size=1000)
    y -= y.mean()
    ran = fit(X, y, "--optimizer", "sgd", "--batch-size", 4, "--steps", 2000)
    assert ran.code == 0
    assert ran.report["status"] == "finished"
    assert "ended above where it began" in ran.err
    options = advice(ran.err.splitlines()[-1])
    assert [o[0] for o in options] == ["--lr", "--schedule"]
    for option in options:
        again = dlcli("fit-linear", "t.csv", "--target", "y", "--optimizer", "sgd", "--batch-size", 4, "--steps", 2000,
                      "--json", "--out", "run", "--force", *option)  # fmt: skip
        assert again.report["metrics"]["train"]["loss"] < ran.report["metrics"]["train"]["loss"]


def test_the_largest_stable_rate_of_batches_is_known_in_closed_form():
    """For normal rows E |z|^2 zz' = tr(A) A + 2 A^2; with a batch of one the rate is 2 / (tr(A) + 2 l_max)."""
    A = np.diag([1.0, 0.25])
    fourth = np.trace(A) * A + 2 * A @ A
    assert largest_stable_batch_rate(A, fourth, 1, 10**12, np.zeros(2)) == pytest.approx(2 / (1.25 + 2))
    assert largest_stable_batch_rate(A, fourth, 10**12, 10**12, np.zeros(2)) == pytest.approx(2 / 1.0)


@pytest.mark.parametrize("batch", [1, 8, 10**6])
@pytest.mark.parametrize("heavy", [False, True])
def test_the_largest_stable_rate_of_sgd_is_that_of_its_batches(fit, batch, heavy):
    random = np.random.default_rng(1)
    X = random.standard_t(3, size=(400, 6)) if heavy else random.normal(size=(400, 6))
    y = X @ random.normal(size=6) + 0.1 * random.normal(size=400)
    options = ["--optimizer", "sgd", "--batch-size", batch, "--steps", 4000]
    ran = fit(X, y, *options)
    stable = ran.report["largest_stable_lr"]
    full = fit(X, y, "--steps", 1).report["largest_stable_lr"]
    assert stable == pytest.approx(full) if batch > 400 else stable < full
    assert ran.report["lr"] < stable
    assert fit(X, y, *options, "--lr", 0.7 * stable).code == 0
    # The mean square is ruled by the rarest rows: most paths bear more where tails are heavy, or batches tiny.
    assert heavy or fit(X, y, *options, "--lr", (4 if batch == 1 else 2) * stable).code == 4


def test_no_stable_rate_is_claimed_where_none_is_known(fit):
    ran = fit(*numbers(), "--optimizer", "sgd", "--momentum", "0.9", "--steps", 100)
    assert ran.report["largest_stable_lr"] is None
