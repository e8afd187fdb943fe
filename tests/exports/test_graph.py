"""Graphs of ONNX: what is written is valid, and constants of one name are one."""

import numpy as np
import onnx
import pytest

from dlcli.errors import DlcliError
from dlcli.exports.graph import Graph, Port
from dlcli.exports.session import Session, refuse_unlike


def test_a_graph_runs():
    graph = Graph()
    one = graph.constant(np.array(1.0), "one")
    assert graph.constant(np.array(1.0), "one") == one
    total = graph.add("Add", "x", one)
    content = graph.model(
        [Port("x", ("rows", 1), "a number", "float64")],
        [(total, Port("y", ("rows", 1), "one more", "float64"))],
        {"a": "b"},
    )
    assert Session(content).run({"x": np.array([[1.0], [2.0]])})["y"].tolist() == [[2.0], [3.0]]
    read = onnx.load_from_string(content)
    assert (len(read.graph.initializer), read.metadata_props[0].value) == (1, "b")


def test_a_graph_that_cannot_be_is_noticed():
    graph = Graph()
    wrong = graph.add("MatMul", "x", graph.constant(np.ones((3, 1))))
    with pytest.raises(onnx.shape_inference.InferenceError):
        graph.model([Port("x", (2, 2), "", "float64")], [(wrong, Port("y", (2, 1), "", "float64"))], {})


@pytest.mark.parametrize("difference", [1e-2, np.nan, np.inf])
def test_what_is_unlike_is_refused(difference):
    with pytest.raises(DlcliError, match="gives other numbers"):
        refuse_unlike(difference, 1e-3, "numbers")
    refuse_unlike(1e-3, 1e-3, "numbers")
