"""Functions in LLVM under the names of their twins in `bnstats.networks.kernels.plain`."""

from bnstats._compiled import compiled as compiled_pass
from bnstats._compiled import inlined as inlined_pass
from bnstats.networks.kernels.llvm.calls import address_of, addresses, call, call_plain, view
from bnstats.networks.kernels.llvm.columns import activate_back, standardize, standardize_back
from bnstats.networks.kernels.llvm.products import accumulate, multiply, multiply_transposed

__all__ = ["accumulate", "activate_back", "address_of", "addresses", "call", "call_plain", "compiled_pass"]
__all__ += ["inlined_pass", "multiply", "multiply_transposed", "standardize", "standardize_back", "view"]
