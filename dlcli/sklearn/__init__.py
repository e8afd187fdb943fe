"""Estimators of scikit-learn's kind (extra ``sklearn``), which fit in this process by the code of ``fit-linear``."""

from dlcli.sklearn.classifier import DlcliClassifier
from dlcli.sklearn.regressor import DlcliRegressor

__all__ = ["DlcliClassifier", "DlcliRegressor"]
