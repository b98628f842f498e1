"""Claims, the evidence for each claim, and the ledger of their verdicts; see `bnstats.check_claims`."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
