"""Options that name columns of a table, where there is only the built-in example."""

import pytest

from dlcli.config.fit_linear import FitLinearConfig
from dlcli.errors import DlcliError

GIVEN = {
    "features": ("z",), "drop": ("z",), "log": ("z",), "poly": ("z:2",), "interactions": ("z:x",),
    "reference": ("z=1",), "formula": "y ~ z",
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(GIVEN))
def test_they_are_refused_without_a_table(name):
    with pytest.raises(DlcliError, match=rf"--{name} names columns of a table, and no DATA was given: name a file"):
        FitLinearConfig.build({name: GIVEN[name]})


def test_the_other_meaning_of_log_is_hinted_at():
    with pytest.raises(DlcliError, match="write --log-to mlflow"):
        FitLinearConfig.build({"log": ("mlflow",)})
