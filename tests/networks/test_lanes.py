"""Work in lanes: in order, not far ahead, whole even where an error ends it."""

import threading
import time

import pytest
import torch

from dlcli.networks.lanes import AHEAD, in_lanes, lanes_for


@pytest.fixture(autouse=True)
def four():
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(before)


def test_results_come_in_order_by_threads_of_one_thread_each():
    seen = set()

    def square(number):
        time.sleep(0.001 * (number % 3))
        seen.add((threading.get_ident(), torch.get_num_threads()))
        return number**2

    assert list(in_lanes(square, range(20), 2)) == [n**2 for n in range(20)]
    assert threading.get_ident() not in {thread for thread, _ in seen}
    assert {threads for _, threads in seen} == {2}  # of four


def test_one_lane_is_this_thread():
    assert set(in_lanes(lambda _: threading.get_ident(), range(3), 1)) == {threading.get_ident()}


def test_no_more_is_begun_than_is_asked_for():
    begun = []
    results = in_lanes(begun.append, range(100), 2)
    next(results)
    time.sleep(0.05)
    assert len(begun) <= AHEAD * 2 + 1


def test_an_error_comes_at_its_place_and_waits_for_what_has_begun():
    ended = []

    def work(number):
        if number == 2:
            raise ValueError("two")
        time.sleep(0.02)
        ended.append(number)
        return number

    results, got = in_lanes(work, range(50), 2), []
    with pytest.raises(ValueError, match="two"):
        got.extend(iter(results))
    count = len(ended)
    assert got == [0, 1]
    assert count < 10
    time.sleep(0.05)
    assert len(ended) == count  # nothing goes on


def test_few_pieces_and_other_devices_take_no_lanes():
    assert [lanes_for(n, "cpu") for n in (1, 7, 8)] == [1, 1, 4]
    assert lanes_for(None, "cpu") == 4
    assert lanes_for(100, "cuda") == 1
