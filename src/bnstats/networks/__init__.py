"""Small classifiers that use batch statistics, their normalizers, and corrections of their statistics."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
