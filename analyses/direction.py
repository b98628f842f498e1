"""Direction of the mean step of training on the whole data's loss, uphill or downhill, by how batches are made."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

import bnstats as bn
from analyses.command_line import Options, run
from analyses.layout import beside, legend_below
from bnstats.plots.colors import OTHERS, REFERENCE, STATISTICS
from bnstats.plots.elements import MARKERS, series
from bnstats.plots.figure import SMALL, theme

SIZE, SIZES = 20, (8, 64)
STEPS, QUICK = (0, 30, 60, 100, 300), (0, 30)
RULES = {
    "shuffled": bn.Shuffled(),
    "five classes a batch": bn.ClassBalanced(classes=5, rows_per_class=SIZE // 5),
    "two classes a batch": bn.ClassBalanced(classes=2, rows_per_class=SIZE // 2),
    "one class a batch": bn.OneClass(),
}
SHOWN = 60


def simulate(options: Options) -> pd.DataFrame:
    """Cosine of mean step and descent, at weights that shuffled batches have trained; batches of one class four times.

    They are normalized by the statistics of all training rows, too: as constants, and with the gradient through them.
    Last, they have other sizes.
    """
    steps = QUICK if options.quick else STEPS
    full, quick = ({"max_replicates": n, "batches": b} for n, b in ((16, 256), (4, 64)))
    settings = options.study("direction", full=full, quick=quick)
    given = {"training_batch_size": SIZE, "measures": "cosine", "precision": None}
    by_rule = bn.measure_steps(batch_sizes=SIZE, batching=list(RULES.values()), steps=steps, **given, **settings)
    one = {"batching": bn.OneClass(), **given}
    settings = options.study("direction-population", full=full, quick=quick)
    by_all = bn.measure_steps(batch_sizes=SIZE, steps=steps, statistics="population", **one, **settings)
    settings = options.study("direction-through", full=full | {"batches": 128}, quick=quick)
    through = bn.measure_steps(batch_sizes=SIZE, steps=steps, statistics="population gradient", **one, **settings)
    settings = options.study("direction-sizes", full=full, quick=quick)
    by_size = bn.measure_steps(batch_sizes=SIZES, steps=steps[-1] if options.quick else SHOWN, **one, **settings)
    found = {"rules": by_rule, "all": by_all, "through": through, "sizes": by_size}
    return pd.concat([steps.table.assign(panel=panel) for panel, steps in found.items()], ignore_index=True)


def plot(frame: pd.DataFrame) -> Figure:
    """One panel: the cosine against training steps, a line for each way to make batches."""
    rules = frame[frame["panel"] == "rules"]
    with theme():
        figure, (ax,) = beside(1, height=4.0)
        for i, (name, rule) in enumerate(RULES.items()):
            part = rules[rules["batching"] == repr(rule)]
            series(ax, part, "step", color=OTHERS[i], marker=MARKERS[i], label=name, joined=True)
        for i, (panel, name) in enumerate({"all": "constants", "through": "in the gradient"}.items(), len(RULES)):
            label, part = f"one class a batch, statistics of all rows: {name}", frame[frame["panel"] == panel]
            color = STATISTICS["population"] if panel == "all" else OTHERS[4]
            series(ax, part, "step", color=color, marker=MARKERS[i], label=label, joined=True)
        ax.axhline(0, color=REFERENCE, linewidth=1)
        for height, side, end in ((0.02, "downhill", "bottom"), (-0.02, "uphill", "top")):
            ax.text(0.7, height, side, transform=ax.get_yaxis_transform(), va=end, ha="right", fontsize=SMALL)
        ax.set(
            ylim=(-0.5, 1.1),
            xlabel=f"steps of training with shuffled batches of {SIZE}",
            ylabel="cosine of mean step and descent",
        )
        legend_below(figure, ax, columns=2)
        at = rules[rules["step"] == (SHOWN if SHOWN in set(rules["step"]) else rules["step"].max())]
        cosine = at.set_index("batching")["value"]
        shuffled, one = (cosine[repr(RULES[name])] for name in ("shuffled", "one class a batch"))
        figure.suptitle(
            f"After {SHOWN} steps the mean step of shuffled batches goes downhill (cosine {shuffled:.2f}), that of "
            f"batches of one class uphill ({one:.2f}), because of their statistics and not of their rows"
        )
    return figure


def main(argv: Sequence[str] | None = None) -> Path:
    return run("direction", simulate, plot, argv, __doc__)


if __name__ == "__main__":
    main()
