"""Choice of the functions in LLVM, or of the plain ones, for all other modules."""

from __future__ import annotations

import numba

from bnstats._checks.safe_text import raised
from bnstats._compiled import private
from bnstats._compiled.decorators import kernels_asked_for
from bnstats.networks.kernels import plain


def _reason() -> str:
    """Return the reason for plain functions; empty if those in LLVM compile and give the right numbers."""
    if kernels_asked_for() == "plain":
        return "BNSTATS_KERNELS=plain asks for it"
    missing = private.gone(private.KERNELS)
    if missing:
        return f"Numba {numba.__version__} has no {missing[0]}"
    try:
        # Only now, because the import of functions in LLVM may fail, too.
        from bnstats.networks.kernels.llvm.trial import trial

        trial()
    except Exception as error:  # LLVM and Numba raise errors of many kinds
        return f"the kernels in LLVM fail with {raised(error)}"
    return ""


REASON = _reason()
"""Reason for plain functions; empty if those in LLVM run."""
kernels = plain
if not REASON:
    from bnstats.networks.kernels.llvm import functions

    kernels = functions  # type: ignore[misc]
