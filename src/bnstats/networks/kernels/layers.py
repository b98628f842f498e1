"""What one hidden layer does to its values: normalise, scale, shift and cut off at zero; and the way back.

A set's constants stand in its `frame`, one row each; columns of `z` are units. All of it serves float32 and float64.
"""

from __future__ import annotations

import numpy as np

from bnstats._arrays import RealArray
from bnstats._compiled import compiled

MEAN, VAR, INV, R, D, SUM, DOT = range(7)
"""Rows of a frame: moments, 1 / s, renormalization's r and d; sums of gradients, and of gradients times (z - m) / s."""


@compiled
def measure(z: RealArray, frame: RealArray) -> None:
    """Mean and biased variance of each column."""
    mean, var = frame[MEAN], frame[VAR]
    share = z.dtype.type(1 / z.shape[0])
    mean[:] = 0
    for i in range(z.shape[0]):
        for j in range(z.shape[1]):
            mean[j] += z[i, j]
    for j in range(z.shape[1]):
        mean[j] *= share
    var[:] = 0
    for i in range(z.shape[0]):
        for j in range(z.shape[1]):
            var[j] += (z[i, j] - mean[j]) * (z[i, j] - mean[j])
    for j in range(z.shape[1]):
        var[j] *= share


@compiled
def renormalize(
    frame: RealArray, mean: RealArray, var: RealArray, eps: float, r_max: np.float32, d_max: np.float32
) -> None:
    """1 / s of the batch, r and d against the running statistics."""
    one, small = frame.dtype.type(1), frame.dtype.type(eps)
    r_limit, d_limit = frame.dtype.type(r_max), frame.dtype.type(d_max)
    for j in range(frame.shape[1]):
        s, running = np.sqrt(frame[VAR, j] + small), np.sqrt(var[j] + small)
        frame[INV, j] = one / s
        frame[R, j] = min(max(s / running, one / r_limit), r_limit)
        frame[D, j] = min(max((frame[MEAN, j] - mean[j]) / running, -d_limit), d_limit)


@compiled
def freeze(frame: RealArray, mean: RealArray, var: RealArray, eps: float) -> None:
    """The constants of given statistics."""
    one, small = frame.dtype.type(1), frame.dtype.type(eps)
    for j in range(frame.shape[1]):
        frame[MEAN, j] = mean[j]
        frame[INV, j] = one / np.sqrt(var[j] + small)
        frame[R, j] = one
        frame[D, j] = 0


@compiled
def activate_columns(z: RealArray, frame: RealArray, scale: RealArray, shift: RealArray, out: RealArray) -> None:
    """out = max(scale ((z - m) / s r + d) + shift, 0)."""
    mean, inv, r, d = frame[MEAN], frame[INV], frame[R], frame[D]
    for i in range(z.shape[0]):
        for j in range(z.shape[1]):
            value = scale[j] * ((z[i, j] - mean[j]) * inv[j] * r[j] + d[j]) + shift[j]
            out[i, j] = 0 if value <= 0 else value  # so nan stays nan


@compiled
def back_columns(
    z: RealArray,
    frame: RealArray,
    scale: RealArray,
    out: RealArray,
    gradient: RealArray,
    constant: bool,
    scale_gradient: RealArray,
    shift_gradient: RealArray,
) -> None:
    """Turn the gradient at `out` into that at `z`, and add up those of scale and shift."""
    mean, inv, r, d = frame[MEAN], frame[INV], frame[R], frame[D]
    total, dot = frame[SUM], frame[DOT]
    zero, share = z.dtype.type(0), z.dtype.type(0 if constant else 1 / z.shape[0])
    total[:] = 0
    dot[:] = 0
    # Short loops: LLVM vectorises only where it has few arrays to keep apart.
    for i in range(z.shape[0]):
        for j in range(z.shape[1]):
            gradient[i, j] = gradient[i, j] if out[i, j] > 0 else zero
        for j in range(z.shape[1]):
            total[j] += gradient[i, j]
            dot[j] += gradient[i, j] * (z[i, j] - mean[j])
    for j in range(z.shape[1]):
        shift_gradient[j] += total[j]
    for j in range(z.shape[1]):
        scale_gradient[j] += r[j] * inv[j] * dot[j] + d[j] * total[j]
    for j in range(z.shape[1]):
        total[j] *= share
        dot[j] *= share * inv[j] * inv[j]
    for j in range(z.shape[1]):
        r[j] *= scale[j] * inv[j]
    for i in range(z.shape[0]):
        for j in range(z.shape[1]):
            gradient[i, j] = r[j] * (gradient[i, j] - total[j] - (z[i, j] - mean[j]) * dot[j])


@compiled
def activate_rows(
    z: RealArray, frames: RealArray, eps: float, scale: RealArray, shift: RealArray, out: RealArray
) -> None:
    """out = max(scale (z - m) / s + shift, 0), with m and s of each group of each row; frames (rows, 7, groups)."""
    groups = frames.shape[2]
    size = z.shape[1] // groups
    zero, one = z.dtype.type(0), z.dtype.type(1)
    share, small = z.dtype.type(1 / size), z.dtype.type(eps)
    for i in range(z.shape[0]):
        for g in range(groups):
            mean = var = zero
            for j in range(g * size, (g + 1) * size):
                mean += z[i, j]
            mean *= share
            for j in range(g * size, (g + 1) * size):
                var += (z[i, j] - mean) * (z[i, j] - mean)
            inv = one / np.sqrt(var * share + small)
            frames[i, MEAN, g], frames[i, INV, g] = mean, inv
            for j in range(g * size, (g + 1) * size):
                value = scale[j] * (z[i, j] - mean) * inv + shift[j]
                out[i, j] = 0 if value <= 0 else value


@compiled
def back_rows(
    z: RealArray,
    frames: RealArray,
    scale: RealArray,
    out: RealArray,
    gradient: RealArray,
    scale_gradient: RealArray,
    shift_gradient: RealArray,
) -> None:
    """As `back_columns`, over groups of rows."""
    groups = frames.shape[2]
    size = z.shape[1] // groups
    zero, share = z.dtype.type(0), z.dtype.type(1 / size)
    for i in range(z.shape[0]):
        for g in range(groups):
            mean, inv = frames[i, MEAN, g], frames[i, INV, g]
            total = dot = zero
            for j in range(g * size, (g + 1) * size):
                value, up = (z[i, j] - mean) * inv, gradient[i, j] if out[i, j] > 0 else zero
                shift_gradient[j] += up
                scale_gradient[j] += up * value
                gradient[i, j] = up * scale[j]
                total += gradient[i, j]
                dot += gradient[i, j] * value
            total *= share
            dot *= share
            for j in range(g * size, (g + 1) * size):
                gradient[i, j] = inv * (gradient[i, j] - total - (z[i, j] - mean) * inv * dot)
