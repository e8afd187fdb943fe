"""Separation: whether the classes are separable, so that cross-entropy has no minimum (Albert and Anderson 1984)."""

import numpy as np

from dlcli.engine.arrays import FloatArray
from dlcli.linear.objectives.glm import RowObjective

# Margins are known to about this much of the largest.
ROUNDING = 1e-10
# A row on the wrong side by less than this share of the largest margin counts as lying on the boundary.
ON_THE_BOUNDARY = 1e-9
# Newton's steps stay about as long as this (in log-odds) however flat the loss gets, where there is no minimum.
STEADY = 0.1
FLAT = 1e-4
VANISHED = 1e-6  # the share of its curvature at theta = 0 below which a direction may have lost it for good
SHARP = 1e-3  # the loss a row below which a separating hyperplane has also got probabilities near 0 and 1


def separated_by(objective: RowObjective, theta: FloatArray) -> bool:
    """Whether theta (p, k) classifies every row correctly: then the loss falls without bound along theta."""
    if objective.kind == "mse" or objective.l1 or objective.l2:
        return False
    sums = objective.margins(theta)
    return sums.margin > ROUNDING * sums.reach > 0


def separation(objective: RowObjective, theta: FloatArray, gradient: FloatArray, move: FloatArray) -> str:
    """Why there is no minimum, or "", given Newton's step ``move`` from theta; all arrays (p, k).

    "perfect" where theta has every row on its right side. "partial" where the move has no row on its wrong side, and
    some on the right one: along it the loss falls for ever. Nearly dependent columns make the move as long, but then
    there are rows on both sides of it.
    """
    if objective.kind == "mse" or objective.l1 or objective.l2 or not np.isfinite(move).all():
        return ""
    known = objective.margins(theta)
    if known.margin > ROUNDING * known.reach > 0 and known.loss < SHARP * objective.total:
        return "perfect"
    if -float(np.sum(gradient * move)) > FLAT:
        return ""
    along = objective._all_sums(move, False, offset=False)  # not remembered: theta's own sums are asked for again
    if along.reach < STEADY or along.margin < -ON_THE_BOUNDARY * along.reach:
        return ""
    return "perfect" if along.margin > ROUNDING * along.reach else "partial"


def along_vanished(objective: RowObjective, theta: FloatArray, H: FloatArray, metric: FloatArray) -> str:
    """The same from the directions in which the Hessian H (pk, pk) at theta has vanished, though the data vary there.

    ``metric`` (p, p) is the inverse of Z'Z/n. Theta's own part along those directions is where it has been growing.
    """
    if objective.kind == "mse" or objective.l1 or objective.l2:
        return ""
    p, k = theta.shape
    values, vectors = np.linalg.eigh(metric)
    live = values > values[-1] * p * np.finfo(np.float64).eps
    root = vectors[:, live] * np.sqrt(values[live])
    back = vectors[:, live] / np.sqrt(values[live])
    r = root.shape[1]
    whitened = np.einsum("ia,cidj,jb->cadb", root, H.reshape(k, p, k, p), root).reshape(k * r, k * r)
    found, modes = np.linalg.eigh(whitened)
    gone = found < VANISHED * found[-1]
    if k > 1:  # those that shift all classes alike never had any
        shifts = modes.reshape(k, r, -1).sum(axis=0)
        gone &= np.linalg.norm(shifts, axis=0) < np.sqrt(k) / 2
    inside = (back.T @ theta).T.ravel()
    move = modes[:, gone] @ (modes[:, gone].T @ inside)
    along = root @ move.reshape(k, r).T
    if not gone.any() or not np.isfinite(along).all():
        return ""
    sums = objective._all_sums(along, False, offset=False)
    if sums.reach <= 0 or sums.margin < -ON_THE_BOUNDARY * sums.reach:
        return ""
    return "perfect" if sums.margin > ROUNDING * sums.reach else "partial"
