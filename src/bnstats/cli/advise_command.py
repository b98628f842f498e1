"""The command `bnstats advise`: what to choose for batch normalization before training."""

from __future__ import annotations

from argparse import Namespace

import bnstats as bn
from bnstats.cli.declared import OUTPUT, command, option, show
from bnstats.statistics.norm_borders import TOLERATED

NOT_PASSED = ("command", "run", "out", "overwrite")


@command(
    "recommend batch size, momentum and recalibration before training, from theory",
    option("--batch-size", type=int, required=True, metavar="N", help="rows in one forward pass on one device"),
    option("--devices", type=int, default=1, metavar="N", help="devices that train together"),
    option("--synchronized", action="store_true", help="normalize by the rows of all devices, not of each device"),
    option("--accumulate", type=int, default=1, metavar="N", help="forward passes for each optimizer step"),
    option("--momentum", type=float, metavar="A", help="weight of a new batch (default: that of the convention)"),
    option("--convention", default="torch", metavar="NAME", help="torch, keras, flax, haiku or cumulative"),
    option("--spatial", type=int, default=1, metavar="N", help="positions of a row that share a channel"),
    option("--layers", type=int, default=1, metavar="N", help="batch-normalized layers in sequence"),
    option("--steps", type=int, metavar="N", help="optimizer steps (default: enough to forget the start values)"),
    option("--population", default="normal", metavar="NAME", help="distribution of the values in a channel"),
    option("--tolerance", type=float, default=TOLERATED, metavar="SD", help="largest displacement that is tolerated"),
    *OUTPUT,
)
def _advise(arguments: Namespace) -> int:
    given = {name: value for name, value in vars(arguments).items() if name not in NOT_PASSED and value is not None}
    advice = bn.advise(**given)
    show(advice.summary(), advice.table, arguments)
    return 0
