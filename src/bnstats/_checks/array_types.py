"""Types of arrays for annotations."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Float32Array = NDArray[np.float32]
RealArray = NDArray[Any]
"""Floats of single or double precision; the result has the precision of the input."""
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
