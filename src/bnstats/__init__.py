"""bnstats: what batch statistics do to networks and data, in numbers.

Exact theory where there is one, Monte Carlo with an honest standard error everywhere else. Each name is imported when
it is first used; `__init__.pyi` lists them.

>>> import bnstats as bn
>>> c = bn.measure_convergence("normal", batch_sizes=[2, 64], estimators=["var"])
>>> float(c.table.query("measure == 'bias' and batch_size == 64")["exact"].iloc[0])
-0.015625
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

__version__ = "0.1.0"
