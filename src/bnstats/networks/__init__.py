"""Where batch statistics are used: small classifiers, their normalizers, and what mends their statistics."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
