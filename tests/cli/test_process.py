"""What a command sets up before heavy imports, seen from a fresh process."""

import os
import subprocess
import sys

import pytest

SHOW = "import os; from dlcli.cli import process; process.prepare();"
SHOW += "print(os.environ.get('OMP_WAIT_POLICY'), os.environ.get('GOMP_SPINCOUNT'))"


@pytest.mark.parametrize(
    ("given", "policy"),
    [({}, "PASSIVE 10000"), ({"OMP_WAIT_POLICY": "ACTIVE"}, "ACTIVE None"), ({"GOMP_SPINCOUNT": "100"}, "None 100"),
     ({"KMP_BLOCKTIME": "5"}, "None None")],
)  # fmt: skip
def test_threads_wait_passively_unless_told_otherwise(given, policy):
    """Spinning threads take the cores that they wait for; what the user has set stands."""
    unset = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME", "KMP_LIBRARY")
    environment = {name: value for name, value in os.environ.items() if name not in unset} | given
    done = subprocess.run([sys.executable, "-c", SHOW], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == policy


def test_the_policy_is_set_before_torch_is_loaded():
    """OpenMP reads its variables once, as it is loaded."""
    code = (
        "import sys; from dlcli.cli import process; process.prepare(); assert 'torch' not in sys.modules;"
        "import dlcli.cli.train_deconv, dlcli.cli.predict, dlcli.cli.evaluate, dlcli.cli.tuning.tune_lr;"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
