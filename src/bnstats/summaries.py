"""Numbers that a study takes of its replicates, for `Study.summaries`, and what one of your own is made of."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub("bnstats", __file__)
