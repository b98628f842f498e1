"""Classes of the results of measuring functions, for annotations."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub("bnstats", __file__)
