"""Types of arrays, named once for annotations."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Float32Array = NDArray[np.float32]
RealArray = NDArray[Any]
"""Floats of either precision: what comes in decides."""
IntArray = NDArray[np.int64]
