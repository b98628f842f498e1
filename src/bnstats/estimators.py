"""Functions that return estimators with a parameter; `bn.ESTIMATORS` has all others by name."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub("bnstats", __file__)
