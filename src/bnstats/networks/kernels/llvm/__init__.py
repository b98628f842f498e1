"""Functions that write LLVM instructions by hand; `bnstats.networks.kernels.choice` alone imports them."""
