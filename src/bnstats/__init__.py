"""bnstats: measured and exact effects of batch statistics on networks and data.

The package has exact theory where it exists, and Monte Carlo estimates with standard errors elsewhere. Each name is
imported when it is first used; `__init__.pyi` lists all names.

>>> import bnstats as bn
>>> c = bn.measure_convergence("normal", batch_sizes=[2, 64], estimators=["var"])
>>> float(c.table.query("measure == 'bias' and batch_size == 64")["exact"].iloc[0])
-0.015625
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

__version__ = "0.1.0"
