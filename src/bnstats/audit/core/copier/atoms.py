"""Types whose values never change."""

from __future__ import annotations

import types
from re import Pattern

import numpy as np

ATOMS = (
    type(None), bool, int, float, complex, str, bytes, range, slice, type(...), type(NotImplemented), types.CodeType,
    types.GetSetDescriptorType, types.MemberDescriptorType, types.WrapperDescriptorType, types.MethodDescriptorType,
    property, staticmethod, classmethod, Pattern, np.dtype, np.generic, np.ufunc,
)  # fmt: skip
FIXED = {*ATOMS, type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType, np.ufunc}
"""Types of what a function may refer to and stay as it is."""
