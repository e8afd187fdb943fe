"""Open a study, or create it: one of the processes that begin together does, and the others wait for it."""

import json
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from dlcli.errors import DlcliError
from dlcli.files import JsonObject
from dlcli.fingerprint import difference
from dlcli.search.settings import StudyRules
from dlcli.search.space import canonical

if TYPE_CHECKING:
    import optuna
    from optuna.storages import BaseStorage

# In what a search depends on: the fingerprint of its data; and the rungs of successive halving, which a study keeps.
DATA, RUNGS = "data", "rungs"
# Attributes of a study: what it depends on, Optuna's distributions of its options, and that its points are up.
FINGERPRINT, OPTIONS, READY = "dlcli", "dlcli:options", "dlcli:ready"
TAKE_OVER = 20.0  # seconds to wait for the points of a study that another process is creating


def open_or_create(
    storage: "BaseStorage", name: str | None, fingerprint: JsonObject, rules: StudyRules, options: Mapping[str, str]
) -> "tuple[optuna.Study, bool]":
    """The Optuna study ``name``, and whether it was created here; ``fingerprint`` is all that its trials depend on.

    ``options`` are the distributions, as JSON, that a new study begins with. Raises DlcliError for a study of another
    search.
    """
    import optuna

    title = name or "dlcli"  # Hyperband draws its brackets from it, so a study in memory must not get a random one
    try:
        study = optuna.create_study(
            storage=storage, sampler=rules.sampler, pruner=rules.pruner, study_name=title,
            direction="maximize" if rules.larger else "minimize",
        )  # fmt: skip
    except optuna.exceptions.DuplicatedStudyError:
        study = optuna.load_study(study_name=title, storage=storage, sampler=rules.sampler, pruner=rules.pruner)
    else:
        study.set_user_attr(OPTIONS, dict(options))
        study.set_user_attr(FINGERPRINT, canonical(fingerprint))
        return study, True
    deadline = time.monotonic() + TAKE_OVER
    while FINGERPRINT not in (attrs := study.user_attrs) and time.monotonic() < deadline:
        time.sleep(0.1)
    found = attrs.get(FINGERPRINT)
    if changed := data_changed(json.loads(found), fingerprint) if found else "":
        raise DlcliError(
            f"--study {name}: its data have changed since its trials: {changed}",
            "restore the old data, or choose another --study",
        )
    if found is None or differing(json.loads(found), fingerprint):
        raise DlcliError(
            f"--study {name}: it was made by another command ({_difference(found, fingerprint)})",
            "repeat that command as it was, or choose another --study",
        )
    return study, False


def differing(there: JsonObject, fingerprint: JsonObject) -> list[str]:
    """In what two searches differ; not in their rungs, as a study keeps those that it began with."""
    names = sorted({*there, *fingerprint} - {RUNGS})
    return [name for name in names if canonical(there.get(name)) != canonical(fingerprint.get(name))]


def data_changed(there: JsonObject, fingerprint: JsonObject) -> str:
    """In what way the data of one search differ from those of another that is the same otherwise; else empty."""
    if differing(there, fingerprint) != [DATA]:
        return ""
    return difference(there.get(DATA), fingerprint[DATA]) if DATA in fingerprint else ""


def _difference(found: str | None, fingerprint: JsonObject) -> str:
    """The differences between an existing study and the requested one."""
    if found is None:
        return "not by dlcli"
    return "other " + ", ".join(differing(json.loads(found), fingerprint))
