"""The findings of an audit as plain data, which JSON can hold."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np
import pandas as pd

from bnstats._checks.safe_text import text_of
from bnstats.audit.core.judging.findings import Estimate, Findings, Fix


def plain(value: Any) -> Any:
    """Return findings, or a part of them, as dicts, lists, texts, numbers, True, False and None.

    Numbers that are not finite are None.

    >>> plain({"p": np.float64(0.5), "z": (math.nan, 1)})
    {'p': 0.5, 'z': [None, 1]}
    """
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, Findings | Fix | Estimate):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, pd.DataFrame):
        return [plain(row) for row in value.to_dict("records")]
    if isinstance(value, Mapping):
        return {text_of(key, str): plain(inner) for key, inner in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, int | float):
        return value if math.isfinite(value) else None
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(inner) for inner in value]
    return text_of(value, str)
