"""Values normalized by their own batch."""

from __future__ import annotations

import numpy as np

from bnstats._checks.array_types import FloatArray


def normalized(batches: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return values normalized by their own batch, and each batch's mean and standard deviation.

    Parameters
    ----------
    batches : array, shape (batches, batch size)
        Values.

    Returns
    -------
    z : array, shape (batches, batch size)
        Normalized values; 0 if all values of a batch are equal, as with any eps > 0.
    mean, std : array, shape (batches, 1)
        Mean and standard deviation (ddof 0) of each batch.

    Examples
    --------
    >>> z, mean, std = normalized(np.array([[90.0, 80.0, 70.0], [60.0, 60.0, 60.0]]))
    >>> z.round(2).tolist(), mean.ravel().tolist()
    ([[1.22, 0.0, -1.22], [0.0, 0.0, 0.0]], [80.0, 60.0])
    """
    # The first value is subtracted, so that equal values give exactly 0 and a large mean loses no digits.
    deviation = batches - batches[:, :1]
    offset = deviation.mean(axis=1, keepdims=True)
    deviation -= offset
    std = np.sqrt(np.mean(deviation**2, axis=1, keepdims=True))
    return deviation / np.where(std > 0, std, 1.0), batches[:, :1] + offset, std
