"""Metrics of classes against scikit-learn, whatever chunks the rows come in."""

import numpy as np
import pytest
from sklearn import metrics as reference

from dlcli.linear.evaluation.classes import MATRIX_CLASSES, ClassSums, class_eval_metrics
from dlcli.linear.objectives.loss import log_softmax


def measured(log_probabilities, truth, threshold=None, parts=4):
    sums = ClassSums(log_probabilities.shape[1], threshold)
    for part in np.array_split(np.arange(len(truth)), parts):
        sums.add(log_probabilities[part], truth[part])
    found = sums.measured()
    return found, {metric.name: metric.compute(found) for metric in class_eval_metrics(log_probabilities.shape[1])}


def rows(classes, n=300):
    random = np.random.default_rng(classes)
    truth = random.choice(classes, n, p=np.arange(1, classes + 1) / (classes * (classes + 1) / 2))
    scores = random.normal(0, 1, (n, classes)) + 1.2 * np.eye(classes)[truth]
    return log_softmax(scores), truth


def test_two_classes():
    log, truth = rows(2)
    p = np.exp(log[:, 1])
    guess = np.argmax(log, axis=1)
    found, ours = measured(log, truth)
    assert ours == pytest.approx({
        "loss": reference.log_loss(truth, np.exp(log)), "log_loss": reference.log_loss(truth, np.exp(log)),
        "accuracy": np.mean(guess == truth), "majority_accuracy": np.bincount(truth).max() / 300,
        "balanced_accuracy": reference.balanced_accuracy_score(truth, guess),
        "precision": reference.precision_score(truth, guess), "recall": reference.recall_score(truth, guess),
        "f1": reference.f1_score(truth, guess), "mcc": reference.matthews_corrcoef(truth, guess),
        "brier": reference.brier_score_loss(truth, p), "auc": reference.roc_auc_score(truth, p),
        "average_precision": reference.average_precision_score(truth, p),
        "deviance": 2 * reference.log_loss(truth, np.exp(log), normalize=False),
    }, rel=1e-12)  # fmt: skip
    np.testing.assert_array_equal(found.matrix, reference.confusion_matrix(truth, guess))
    assert found.threshold is None


def test_several_classes():
    log, truth = rows(4)
    guess, onehot = np.argmax(log, axis=1), np.eye(4)[truth]
    _, ours = measured(log, truth)
    expected = {
        "balanced_accuracy": reference.balanced_accuracy_score(truth, guess),
        "macro_precision": reference.precision_score(truth, guess, average="macro", zero_division=0),
        "macro_recall": reference.recall_score(truth, guess, average="macro"),
        "macro_f1": reference.f1_score(truth, guess, average="macro"),
        "weighted_precision": reference.precision_score(truth, guess, average="weighted", zero_division=0),
        "weighted_recall": reference.accuracy_score(truth, guess),
        "weighted_f1": reference.f1_score(truth, guess, average="weighted"),
        "mcc": reference.matthews_corrcoef(truth, guess),
        "brier": np.mean(np.sum((np.exp(log) - onehot) ** 2, axis=1)),
        "auc": reference.roc_auc_score(truth, np.exp(log), multi_class="ovr"),
        "average_precision": reference.average_precision_score(onehot, np.exp(log), average="macro"),
    }  # fmt: skip
    assert {name: ours[name] for name in expected} == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.8, 1.0])
def test_a_threshold(threshold):
    log, truth = rows(2)
    guess = np.exp(log[:, 1]) >= threshold
    found, ours = measured(log, truth, threshold)
    np.testing.assert_array_equal(found.matrix, reference.confusion_matrix(truth, guess, labels=[0, 1]))
    assert ours["f1"] == pytest.approx(reference.f1_score(truth, guess))
    assert np.isnan(ours["precision"]) == (not guess.any())
    assert ours["mcc"] == pytest.approx(reference.matthews_corrcoef(truth, guess), abs=1e-12)


def test_the_threshold_of_the_largest_f1_decides_as_it_says():
    log, truth = rows(2)
    p = np.exp(log[:, 1])
    found, ours = measured(log, truth, "max-f1")
    best = max(reference.f1_score(truth, p >= t) for t in p)
    assert ours["f1"] == pytest.approx(best)
    assert len(repr(found.threshold)) <= 6, "as few digits as will do"
    again, same = measured(log, truth, found.threshold)
    assert same == pytest.approx(ours, rel=1e-14)
    np.testing.assert_array_equal(again.matrix, found.matrix)


def test_rows_of_one_class_leave_out_what_compares_classes():
    log, _ = rows(2)
    for only in (0, 1):
        found, ours = measured(log, np.full(300, only))
        assert np.isnan([ours["auc"], ours["average_precision"], ours["mcc"]]).all()
        assert ours["majority_accuracy"] == 1
        assert ours["accuracy"] == ours["balanced_accuracy"]
    found, ours = measured(log, np.zeros(300, np.int64), "max-f1")
    assert found.threshold is not None
    everything = np.log(np.tile([0.9, 0.1], (10, 1)))
    assert measured(everything, np.arange(10) % 2)[1]["mcc"] == 0


def test_many_classes_have_no_matrix():
    classes = MATRIX_CLASSES + 1
    log, truth = rows(classes, 500)
    found, ours = measured(log, truth)
    assert found.matrix is None
    assert ours["accuracy"] == np.mean(np.argmax(log, axis=1) == truth)
    assert ours["mcc"] == pytest.approx(reference.matthews_corrcoef(truth, np.argmax(log, axis=1)))


def test_confidence_is_counted():
    log, truth = rows(3)
    found, ours = measured(log, truth)
    sums, counts, hits = found.confidence.sum(axis=1)
    assert (counts, hits) == (300, round(300 * ours["accuracy"]))
    assert sums == pytest.approx(np.exp(log).max(axis=1).sum())
