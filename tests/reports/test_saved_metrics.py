"""Which way is better is the same as where metrics are computed."""

from dlcli.linear.evaluation import classes, numbers
from dlcli.linear.metrics import CLASSES, REGRESSION
from dlcli.networks.metrics import CLASS_METRICS, DEEP_METRICS
from dlcli.reports.saved.metrics import LOWER_IS_BETTER, higher_is_better


def test_the_direction_of_every_metric_of_a_training():
    every = [*REGRESSION, *CLASSES, *DEEP_METRICS, *CLASS_METRICS]
    assert {m.name: higher_is_better(m.name) for m in every} == {m.name: m.higher_is_better for m in every}


def test_metrics_of_eval_are_known():
    assert {"deviance", "median_absolute_error", "brier"} <= LOWER_IS_BETTER
    names = [m.name for m in classes.class_eval_metrics(2)] + list(
        numbers.number_metric_names(centered=True, quantile=0.5)
    )
    lower = {name for name in names if not higher_is_better(name)}
    assert lower == {"loss", "log_loss", "rmse", "mae", "median_absolute_error", "deviance", "brier", "pinball"}
