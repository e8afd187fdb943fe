"""The config of train-deconv, resolved once."""

import dataclasses
import re

import pytest

from dlcli.config.train_deconv import TrainDeconvConfig
from dlcli.networks.data.facts import ImageFacts
from dlcli.networks.model.deconv import DeconvNet
from dlcli.networks.optim.optimizers import RATES
from dlcli.networks.training.plan import image_settings, make_plan, resolved, usual_rate
from dlcli.networks.training.presets import BUDGETS, PRESETS, preset_of

FACTS = ImageFacts(inputs=1, channels=1, classes=0, count=320, side=96)


def plan_of(facts=FACTS, **options):
    return make_plan(TrainDeconvConfig(**options), facts, "cpu")


PHOTOGRAPHS = dataclasses.replace(FACTS, inputs=3, channels=3, classes=4, side=32, photographs=True, ground=0.5)


@pytest.mark.parametrize("arch", PRESETS)
@pytest.mark.parametrize("task", ["denoise", "classify"])
def test_a_resolved_config_makes_the_same_plan_again(arch, task):
    if (arch, task) == ("deep", "denoise"):
        return
    facts = FACTS if task == "denoise" else PHOTOGRAPHS
    config = TrainDeconvConfig(arch=arch, task=task, steps=40, lr=0.003)
    plan = make_plan(config, facts, "cpu")
    again = make_plan(resolved(config, plan), dataclasses.replace(facts, held_out=plan.validation.fraction), "cpu")
    plan, again = (dataclasses.replace(p, classes=dataclasses.replace(p.classes, reason="")) for p in (plan, again))
    assert again == plan


def test_long_runs_of_the_fast_network_are_deeper():
    assert [plan_of(minutes=minutes).spec.depth for minutes in (3, 5)] == [4, 8]
    assert plan_of(minutes=5, depth=2).spec.depth == 2


def test_noise_in_color_begins_with_a_linear_estimate():
    """Where it was measured to give more: not for gray images, other tasks, and networks of another kind."""
    color = dataclasses.replace(FACTS, inputs=3, channels=3)
    assert plan_of(color).spec.linear == plan_of(color, minutes=5, filters="32,32").spec.linear == 3
    others = [{"task": "deblur"}, {"arch": "large"}, {"arch": "rednet"}, {"stride": "2"}]
    assert not any(plan_of(color, **options).spec.linear for options in others)
    assert not plan_of().spec.linear
    assert not plan_of(dataclasses.replace(FACTS, inputs=30, channels=30)).spec.linear


@pytest.mark.parametrize("row", [row for row in BUDGETS if row.device == "cuda"], ids=lambda row: f"{row.seconds:g} s")
def test_a_gpu_has_networks_and_batches_of_its_own(row):
    """As the table says; what is given stays, and other tasks and presets are those of the CPU."""

    def plan(**options):
        config = TrainDeconvConfig(**{"amp": "off", "minutes": row.seconds / 60 or 0.5} | options)
        return make_plan(config, FACTS, "cuda:1")

    chosen = plan()
    assert (chosen.spec.depth, chosen.batches.size, chosen.optimizer.lr) == (row.depth, row.batch_size, row.lr)
    assert set(chosen.spec.filters) == {int(row.filters)}
    assert chosen.execution.unread
    other = plan(depth=2, batch_size=5, lr=0.5, filters="9")
    assert (other.spec.depth, other.batches.size, other.optimizer.lr, other.spec.filters) == (2, 5, 0.5, (9,))
    assert plan(optimizer="adam").optimizer.lr == RATES["adam"]
    assert plan(arch="rednet").batches.size == PRESETS["rednet"].recipe.batch_size
    assert plan(task="classify").spec.filters == (32, 64)
    epochs = plan(minutes=None, epochs=2)
    assert epochs.batches.size == BUDGETS[2].batch_size
    assert epochs.limits.steps == 2 * FACTS.count / epochs.batches.size


def test_the_arithmetic_of_what_was_not_measured():
    """Two operations for each multiply-add, forwards and twice backwards, at 300 TFLOP/s; none passes for measured."""
    for row in BUDGETS:
        assert row.measured == (row.device == "cpu")
        assert row.measured != row.basis.startswith("arithmetic")
        if row.measured:
            continue
        config = TrainDeconvConfig(amp="off", filters=row.filters, depth=row.depth)
        spec = make_plan(config, FACTS, "cpu").spec
        places = (96 // spec.unshuffle) ** 2
        weights = sum(w.numel() for w in DeconvNet(spec).parameters() if w.ndim > 1)
        milliseconds = 1e3 * 3 * 2 * weights * places * row.batch_size / 300e12
        assert float(re.search(r"([\d.]+) ms", row.basis)[1]) == pytest.approx(milliseconds, rel=0.1)
        if steps := re.search(r"([\d,]+) steps in (\d+) minutes", row.basis):
            expected = 60e3 * int(steps[2]) / milliseconds
            assert float(steps[1].replace(",", "")) == pytest.approx(expected, rel=0.1)


def test_presets_change_with_the_task_where_they_are_fast_only():
    assert preset_of("fast", "classify").recipe.batch_size == 128
    assert preset_of("fast", "reconstruct").stride == "2,2,2"
    assert preset_of("rednet", "classify") == PRESETS["rednet"]


@pytest.mark.parametrize(
    ("options", "steps", "seconds"),
    [
        ({"steps": 7}, 7, None), ({"minutes": 2}, None, 120), ({"epochs": 2, "batch_size": 32}, 20, None),
        ({"arch": "article"}, 100, None), ({}, None, 60), ({"data": ("a",)}, None, 120),
    ],
)  # fmt: skip
def test_steps_or_seconds_limit_a_run(options, steps, seconds):
    limits = plan_of(**options).limits
    assert (limits.steps, limits.seconds) == (steps, seconds)
    assert limits.criteria().minutes == (None if seconds is None else seconds / 60)


@pytest.mark.parametrize(
    ("options", "facts", "steps", "told"),
    [
        ({"epochs": 2}, FACTS, 80, "an epoch is 40 steps of 8 crops: 320 crops of 96 x 96"),
        ({"epochs": 2, "crop": 48}, dataclasses.replace(FACTS, pixels=320 * 96**2), 320, "1,280 crops of 48 x 48"),
        (
            {"epochs": 1, "task": "classify"},
            dataclasses.replace(FACTS, classes=9, pixels=10**9),
            3,
            "128 images: each of 320 once",
        ),
        # A preset's own epochs are no reason to train for hours, but those of small images are all taken.
        ({"arch": "article"}, dataclasses.replace(FACTS, pixels=320 * 180**2), 2000, ""),
        ({"arch": "article"}, dataclasses.replace(FACTS, count=50_000, side=32, pixels=50_000 * 32**2), 15_625, ""),
    ],
)
def test_an_epoch_has_the_pixels_of_all_images(options, facts, steps, told):
    limits = make_plan(TrainDeconvConfig(**options), facts, "cpu").limits
    assert limits.steps == steps
    assert told in limits.note
    assert bool(told) == bool(limits.note)


def test_the_rate_is_the_optimizer_s_own_unless_the_preset_s_optimizer_is_kept():
    assert plan_of(arch="rednet").optimizer.lr == 1e-3
    assert plan_of(arch="rednet", optimizer="sgd").optimizer.lr == usual_rate(TrainDeconvConfig(optimizer="sgd"))
    assert plan_of(arch="rednet", lr=0.5).optimizer.lr == 0.5


def test_a_fraction_to_hold_out_counts_as_given_only_where_it_is():
    assert not image_settings(TrainDeconvConfig()).val_is_given
    assert image_settings(TrainDeconvConfig(val=0.05)).val_is_given


def test_photographs_are_classified_by_the_deep_network():
    plan = plan_of(PHOTOGRAPHS, task="classify")
    assert (plan.spec.turned, plan.spec.head.pool, plan.spec.center, plan.classes.whitens) == (True, True, 0.5, True)
    assert (plan.batches.augment, plan.classes.smoothing, plan.classes.cutmix) == ("photos", 0.1, 0.0)
    assert resolved(TrainDeconvConfig(task="classify"), plan).arch == "deep"
    assert plan.spec.head.mirrored
    large = plan_of(dataclasses.replace(PHOTOGRAPHS, side=64), task="classify")
    assert large.spec.multiple == 2 * plan.spec.multiple
    drawn = plan_of(dataclasses.replace(PHOTOGRAPHS, photographs=False), task="classify")
    assert (drawn.batches.augment, drawn.spec.head.pool, drawn.classes.smoothing) == ("shifts", False, 0.0)
    strides = [plan_of(dataclasses.replace(PHOTOGRAPHS, photographs=False), task="classify", minutes=m).spec.strides
               for m in (0.5, 2)]  # fmt: skip
    assert strides == [(4, 2), (1, 2)]
    assert plan_of(PHOTOGRAPHS, task="classify", epochs=60).classes.cutmix == 1.0
    chosen = plan_of(PHOTOGRAPHS, task="classify", augment="shifts", jitter=0.3, mixup=0.2)
    assert (chosen.batches.augment, chosen.classes.jitter, chosen.classes.mixup) == ("shifts", 0.3, 0.2)
