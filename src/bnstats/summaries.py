"""Summaries for `Study.summaries`, and the classes for a summary of your own."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub("bnstats", __file__)
