"""Weights of batches in running statistics, whatever the weight of a new batch was at each update."""

from __future__ import annotations

from typing import Any

import numpy as np

from bnstats._checks.array_types import FloatArray


def start_weight(weight: FloatArray, updates: FloatArray) -> FloatArray:
    """Return the weight of the start values after some updates; nan weight is the cumulative average.

    >>> start_weight(np.array([0.1, np.nan]), np.array([2.0, 2.0])).round(2)
    array([0.81, 0.  ])
    """
    return np.where(np.isnan(weight), 0.0, (1 - np.nan_to_num(weight)) ** updates)


def noise_factor(weight: FloatArray, updates: FloatArray) -> FloatArray:
    """Return the variance of running statistics after some updates, in units of one batch's; nan updates are many.

    >>> noise_factor(np.array([0.1, 0.1, np.nan]), np.array([1.0, np.nan, 4.0])).round(4)
    array([0.01  , 0.0526, 0.25  ])
    """
    a = np.nan_to_num(weight)
    left = np.where(np.isnan(updates), 0.0, (1 - a) ** (2 * np.nan_to_num(updates)))
    return np.where(np.isnan(weight), 1 / np.maximum(np.nan_to_num(updates), 1), a / (2 - a) * (1 - left))


def read_weights(weight: FloatArray, before: FloatArray, new: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the weight of all new updates together, and the variance of their average in units of one batch's.

    After u updates of weight a, the new part weighs 1 - (1 - a)^u and has a/(2 - a) (1 + (1 - a)^u) / (1 - (1 - a)^u)
    times the variance of one batch.

    Parameters
    ----------
    weight, before, new : array, shape (layers,)
        Weight of a new batch (nan: cumulative average), updates before, and new updates.

    Examples
    --------
    >>> read_weights(np.array([0.5]), np.array([0.0]), np.array([2.0]))
    (array([0.75]), array([0.55555556]))
    """
    a = np.nan_to_num(weight)
    left = (1 - a) ** new
    with np.errstate(divide="ignore", invalid="ignore"):
        steady = a / (2 - a) * (1 + left) / (1 - left)
        b = np.where(np.isnan(weight), new / np.maximum(before + new, 1), 1 - left)
        f = np.where(np.isnan(weight), 1 / new, steady)
    return b, np.where(b > 0, f, 1.0)


def movement(weight: FloatArray, b: FloatArray, new: FloatArray) -> FloatArray:
    """Return the factor that turns S - R into the lag after a read: 1 after each update, less after several.

    Under a drift of d an update, R lags by d/a, and moves by d an update: by b (S - R) in a read. So the lag is
    b (S - R) / (u a) after u updates.

    >>> movement(np.array([0.1, 0.1]), np.array([0.1, 0.19]), np.array([1.0, 2.0])).round(4)
    array([1.  , 0.95])
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(np.isnan(weight) | (b <= 0), 1.0, b / (new * np.nan_to_num(weight)))


def advance_weights(
    state: Any, weight: FloatArray, new: FloatArray, memory: FloatArray, epoch_batches: int | None
) -> None:
    """Take the weights of a read into the state, for layers with new updates.

    `noise` is the variance of the running statistics R, `lag_noise` that of the average J of h (S - R), and `shared`
    the covariance of both, all for independent batch statistics S with variance f and the weight b:
    R' = (1 - b) R + b S and J' = g J + (1 - g) h (S - R), with h of `movement`.
    """
    b, f = read_weights(weight, state.updates, new)
    g, h = np.where(b > 0, memory, 1.0), movement(weight, b, new)
    keep, noise, shared = 1 - b, state.noise, state.shared
    state.lag_noise = g**2 * state.lag_noise + ((1 - g) * h) ** 2 * (f + noise) - 2 * g * (1 - g) * h * shared
    state.shared = np.where(b > 0, g * keep * shared + (1 - g) * h * (b * f - keep * noise), shared)
    state.noise = keep**2 * noise + b**2 * f
    state.start = state.start * keep
    state.kept = state.kept * g
    if epoch_batches is not None:
        _advance_epochs(state, weight, new, epoch_batches)
    state.updates = state.updates + new


def _advance_epochs(state: Any, weight: FloatArray, new: FloatArray, size: int) -> None:
    """Take new updates into the weight of the current epoch and into the squared weights of earlier ones."""
    done = np.zeros_like(new)
    while (done < new).any():
        at = state.updates + done
        part = np.minimum(new - done, size - at % size)
        b, _ = read_weights(weight, at, part)
        state.epoch = (1 - b) * state.epoch + b
        state.epochs = (1 - b) ** 2 * state.epochs
        done = done + part
        ends = (part > 0) & ((state.updates + done) % size == 0)
        state.epochs = state.epochs + np.where(ends, state.epoch**2, 0.0)
        state.epoch = np.where(ends, 0.0, state.epoch)


def noise_without_replacement(state: Any, epoch_batches: int | None) -> FloatArray:
    """Return the variance of running statistics in units of that of batches of one epoch, as differences show it."""
    noise: FloatArray = state.noise
    if epoch_batches is None:
        return noise
    return np.asarray(np.maximum(noise - (state.epochs + state.epoch**2) / epoch_batches, 0.0))
