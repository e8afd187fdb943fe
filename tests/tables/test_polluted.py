from collections import Counter

import pytest

from tests.tables.polluted import outcome, polluted_files

FILES = polluted_files()


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("polluted")
    return {file.name: outcome(file, folder) for file in FILES}


def test_there_are_many():
    assert len(FILES) >= 180
    assert len({file.name for file in FILES}) == len(FILES)


def test_none_is_read_as_something_else_without_a_word(outcomes):
    assert [name for name, how in outcomes.items() if how == "wrong"] == []


def test_nearly_all_are_read_right(outcomes):
    counts = Counter(outcomes.values())
    assert counts["right"] >= 0.65 * len(FILES)
    assert counts["right"] + counts["right but for the row"] >= 0.97 * len(FILES)


def test_a_wrong_reading_counts_as_wrong(tmp_path):
    clean = next(file for file in FILES if file.name == "file_clean")
    other = type(clean)("other", clean.content.replace(b"France", b"Spain"), clean.table, clean.names)
    assert outcome(other, tmp_path) == "wrong"
