"""How much memory a process may use."""

import pytest

from dlcli import memory


@pytest.mark.parametrize(("limit", "left"), [("max", 1 << 62), ("1000", 1000 - 700 + 50), ("600", 0)])
def test_the_limit_of_a_container_counts(tmp_path, limit, left):
    (tmp_path / "memory.max").write_text(f"{limit}\n")
    (tmp_path / "memory.current").write_text("700\n")
    (tmp_path / "memory.stat").write_text("anon 600\ninactive_file 50\n")
    assert memory._of_the_container(tmp_path) == left
    assert memory._of_the_container(tmp_path / "none") == 1 << 62
    assert 0 < memory.room_for_rows() <= memory.available_memory()
