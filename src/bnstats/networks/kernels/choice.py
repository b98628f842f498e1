"""Choice of the functions in LLVM, or of the plain ones, for all other modules."""

from bnstats.networks.kernels.reason import REASON

if REASON:
    from bnstats.networks.kernels.plain import (
        accumulate,
        activate_back,
        address_of,
        addresses,
        call,
        call_plain,
        compiled_pass,
        inlined_pass,
        multiply,
        multiply_transposed,
        standardize,
        standardize_back,
        view,
    )
else:
    from bnstats._compiled import compiled as compiled_pass
    from bnstats._compiled import inlined as inlined_pass
    from bnstats.networks.kernels.llvm.calls import address_of, addresses, call, call_plain
    from bnstats.networks.kernels.llvm.columns import activate_back, standardize, standardize_back
    from bnstats.networks.kernels.llvm.products import accumulate, multiply, multiply_transposed
    from bnstats.networks.kernels.llvm.views import view

__all__ = [
    "accumulate",
    "activate_back",
    "address_of",
    "addresses",
    "call",
    "call_plain",
    "compiled_pass",
    "inlined_pass",
    "multiply",
    "multiply_transposed",
    "standardize",
    "standardize_back",
    "view",
]
