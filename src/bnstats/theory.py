"""Exact values, for comparison with simulations and in place of them."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub("bnstats", __file__)
