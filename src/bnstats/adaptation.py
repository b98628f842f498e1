"""Statistics at test time that are adapted to the test rows, and their common base."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub("bnstats", __file__)
