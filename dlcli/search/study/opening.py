"""Open a study, or create it: one of the processes that begin together does, and the others wait for it."""

import json
import time
from typing import TYPE_CHECKING

from dlcli.errors import DlcliError
from dlcli.files import JsonObject
from dlcli.fingerprint import difference
from dlcli.search.settings import StudyRules
from dlcli.search.space import canonical

if TYPE_CHECKING:
    import optuna
    from optuna.storages import BaseStorage

DATA = "data"  # in what a search depends on: the fingerprint of its data
FINGERPRINT, READY = "dlcli", "dlcli:ready"  # attributes of a study: what it depends on, and that its points are up
TAKE_OVER = 20.0  # seconds to wait for the points of a study that another process is creating


def open_or_create(
    storage: "BaseStorage", name: str | None, fingerprint: JsonObject, rules: StudyRules
) -> "tuple[optuna.Study, bool]":
    """The Optuna study ``name``, and whether it was created here; ``fingerprint`` is all that its trials depend on.

    Raises DlcliError for a study of another search.
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
    if found != canonical(fingerprint):
        raise DlcliError(
            f"--study {name}: it was made by another command ({_difference(found, fingerprint)})",
            "repeat that command as it was, or choose another --study",
        )
    return study, False


def data_changed(there: JsonObject, fingerprint: JsonObject) -> str:
    """In what way the data of one search differ from those of another that is the same otherwise; else empty."""
    if any(canonical(there.get(n)) != canonical(fingerprint.get(n)) for n in {*there, *fingerprint} - {DATA}):
        return ""
    return difference(there.get(DATA), fingerprint[DATA]) if DATA in fingerprint else ""


def _difference(found: str | None, fingerprint: JsonObject) -> str:
    """The differences between an existing study and the requested one."""
    if found is None:
        return "not by dlcli"
    there = json.loads(found)
    names = [
        name
        for name in sorted({*there, *fingerprint})
        if canonical(there.get(name)) != canonical(fingerprint.get(name))
    ]
    return "other " + ", ".join(names)
