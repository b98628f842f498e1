"""Advice on a planned batch size, momentum and depth of batch normalization, from theory alone."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd

from bnstats._checks.numbers import whole
from bnstats._checks.values import flag
from bnstats.planner.choices import CHOICES
from bnstats.planner.notes import notes
from bnstats.planner.plan import Plan
from bnstats.planner.quantities import GROWTH, QUANTITIES
from bnstats.sampling.populations import Population
from bnstats.statistics.displacement import TOLERANCE
from bnstats.statistics.norm_borders import TOLERATED
from bnstats.statistics.running_conventions import Convention, Momentum

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NOTHING = "Nothing in this plan needs to be changed."


@dataclass(frozen=True)
class Advice:
    """Advice on a planned configuration: what to choose, and what follows from it.

    Attributes
    ----------
    table : DataFrame
        One row per quantity:

        - `kind`: "choose" for what keeps the tolerance, "follows" for what the plan implies.
        - `quantity`, `unit`: name and unit; "sd" is the standard deviation of the values.
        - `low`: value if the positions of a row that share a channel are all alike.
        - `high`: value if these positions are independent; the same as `low` for one position.
        - `given`: value in the plan of a quantity to choose; nan for other quantities.
    notes : tuple of str
        What to change and why, if all positions of a row are alike; empty if nothing needs to be changed.
    plan : Plan
        The configuration.

    Examples
    --------
    >>> import bnstats as bn
    >>> bn.advise(batch_size=4).table.query("kind == 'choose'")[["quantity", "low", "given"]].round(3)
                                         quantity      low  given
    0             rows that a recalibration reads  668.000    NaN
    1                            largest momentum    0.012    0.1
    2  smallest batch that is normalized together   32.000    4.0
    3  steps until evaluation mode may be trusted  384.000    NaN
    """

    table: pd.DataFrame
    notes: tuple[str, ...]
    plan: Plan = field(repr=False)

    def summary(self) -> str:
        """Return what to choose, what follows and what to change, in plain words.

        Returns
        -------
        str
            A line for each quantity and note.
        """
        chosen, implied = (self.table[self.table["kind"] == kind] for kind in ("choose", "follows"))
        lines = [f"To keep running statistics within {self.plan.tolerance:g} sd:", *self._lines(chosen)]
        return "\n".join([*lines, "", "This plan implies:", *self._lines(implied), "", *(self.notes or (NOTHING,))])

    def _lines(self, rows: pd.DataFrame) -> list[str]:
        normal = self.plan.population.family == "norm"
        missing = {GROWTH: "not known for this plan"}
        otherwise = "cannot occur" if normal else "not known for this population"
        found: Iterable[Any] = rows.itertuples()
        return [
            f"- {row.quantity}: {_span(row.low, row.high, missing.get(str(row.quantity), otherwise))} ({row.unit})"
            + ("" if math.isnan(row.given) else f"; given {row.given:.4g}")
            for row in found
        ]

    def plot(self) -> Figure:
        """Plot the displacement of running statistics by noise against the momentum.

        Returns
        -------
        Figure
            One line for each bound, the tolerance, and the momentum of the plan.
        """
        from bnstats.plots.planner import displacement_by_momentum

        return displacement_by_momentum(self._by_momentum(), self.plan.tolerance, self.plan.convention.momentum)

    def _by_momentum(self) -> pd.DataFrame:
        """Return the displacement at each momentum, for both bounds of the number of independent values."""
        bounds = {"one value per row": self.plan.sizes[0]}
        bounds |= {"one value per position": self.plan.sizes[1]} if self.plan.positions > 1 else {}
        return pd.DataFrame(
            [
                {"bound": bound, "momentum": a, "value": math.sqrt(a / (2 - a) * self.plan.batch_noise(size))}
                for bound, size in bounds.items()
                for a in MOMENTA
            ]
        )

    def __repr__(self) -> str:
        return self.summary()

    def _repr_html_(self) -> str:
        return str(self.table.to_html(index=False)) + "".join(f"<p>{note}</p>" for note in self.notes or (NOTHING,))


MOMENTA = tuple(10 ** (-3 + k / 20) for k in range(61))
"""Weights of a new batch that are plotted, from .001 to 1."""


def advise(
    *,
    batch_size: int,
    momentum: Momentum = "default",
    spatial: int = 1,
    layers: int = 1,
    steps: int | None = None,
    convention: str | Convention = "torch",
    population: Any = "normal",
    tolerance: float = TOLERATED,
    devices: int = 1,
    synchronized: bool = False,
    accumulate: int = 1,
) -> Advice:
    """Return what to choose for batch normalization, and what a planned configuration implies, from theory alone.

    Parameters
    ----------
    batch_size : int
        Rows of a batch in one forward pass on one device, at least 2 that are normalized together.
    momentum : float in (0, 1], None or "default"
        Weight of the new batch in the running statistics, None for 1/t; by default the convention's.
    spatial : int
        Positions of a row that share a channel: height times width of a feature map.
    layers : int
        Batch-normalized layers, one behind the other.
    steps : int, optional
        Optimizer steps; by default as many as it takes to forget the start values.
    convention : name or Convention
        "torch", "keras", "flax", "haiku" or "cumulative".
    population : whatever `Population.of` takes
        Law of the values in a channel, with a finite variance; only its shape counts.
    tolerance : float
        Displacement of statistics that is tolerated, in standard deviations of the normalized values.
    devices : int
        Devices that train together. Each normalizes by its own rows, unless they are synchronized.
    synchronized : bool
        True if devices normalize by the rows of all devices.
    accumulate : int
        Forward passes for each optimizer step. Statistics see the rows of one pass, and are updated in each.

    Returns
    -------
    Advice
        Table of quantities, the choices first, and notes on what to change. The columns are:

        - `kind`: "choose" or "follows".
        - `quantity`: what is chosen, or what follows from the plan.
        - `unit`: unit of the numbers.
        - `low`, `high`: bounds of the quantity, which differ if a row has several positions; NaN if not known.
        - `given`: what the plan has of a quantity to choose; NaN if nothing was given.

    Raises
    ------
    ValueError
        For bad arguments, or a population without a finite variance.

    Notes
    -----
    The squared displacement of one batch's statistics is Var(mean) / V + Var(variance) / (4 V²), with the exact
    variances for independent values (see `bnstats.theory.sampling`). An exponential average of weight a has a / (2
    - a) times that, and keeps (1 - a)^t of its start; N pooled batches have 1/N of it. The largest momentum, the
    smallest batch and the rows of a recalibration solve these for the tolerance. Evaluation mode may be trusted
    once the start values weigh less than 1 % and noise is within 1 % of the tolerance, at the given momentum or the
    largest that keeps the tolerance.

    The raw value behind a normalized z (ddof 0) has standard deviation sqrt(1/n + z² (1 - c4²) (n - 1)/n) for
    normal values, see `bnstats.theory.raw_given_normalized`; for other populations the table has nan. An unbiased
    running variance is larger than the one that training normalizes by, by n / (n - 1) in every layer.

    The growth of squared gradients is the limit of wide, fully connected layers without an activation, whose inputs
    span n - 1 directions: of layers that are much wider than n, with at least n inputs, at initialization. In
    layers of w units the growth is smaller by about 0.1 n / w. In batches of 2 and 3 rare networks dominate it, as
    far as eps lets them. `measure_gradients` measures the growth, with an activation too.

    Examples
    --------
    >>> advice = advise(batch_size=4, devices=8)
    >>> print(advice.notes[0])
    batches_seen: an optimizer step takes 32 rows, batch norm sees 4 of them at once; synchronized batch norm makes that
    32.
    >>> print(advise(batch_size=32, momentum=0.01, steps=100).notes[0])
    start_remains: after 100 steps the start values still weigh 37%; raise momentum to at least 0.046, or train longer.
    """
    plan = Plan(
        whole("batch_size", batch_size, minimum=1, maximum=2**27),
        whole("spatial", spatial, minimum=1, maximum=2**24),
        whole("layers", layers, minimum=1, maximum=10**6),
        None if steps is None else whole("steps", steps, minimum=1, maximum=10**7),
        Convention.of(convention, momentum),
        _with_variance(population),
        TOLERANCE("tolerance", tolerance),
        whole("devices", devices, minimum=1, maximum=2**20),
        whole("accumulate", accumulate, minimum=1, maximum=2**20),
        flag("synchronized", synchronized),
    )
    if plan.rows < 2:
        raise ValueError(
            "batch_size is a whole number of at least 2, unless synchronized devices normalize together; got "
            f"{batch_size}."
        )
    few, many = plan.sizes
    rows: list[tuple[Any, ...]] = []
    for name, unit, choice, given in CHOICES:
        if (own := given(plan)) is not None:
            alike = choice(plan, 1)
            rows.append(("choose", name, unit, alike, alike if many == few else choice(plan, plan.positions), own))
    rows += [("follows", name, unit, of(plan, few), of(plan, many), math.nan) for name, unit, of in QUANTITIES]
    table = pd.DataFrame(rows, columns=["kind", "quantity", "unit", "low", "high", "given"])
    return Advice(table, tuple(notes(plan)), plan)


def _with_variance(given: Any) -> Population:
    population = Population.of(given)
    if not 0 < population.var < math.inf:
        raise ValueError(
            f"population {population.name} has variance {population.var}, nothing to normalize by; give one with a "
            "finite variance above 0."
        )
    return population


def _span(low: float, high: float, missing: str) -> str:
    """Return the two bounds in words, or what it means that they are missing."""
    if math.isnan(low):
        return missing if math.isnan(high) else f"{missing}, or {high:.4g}"
    one, other = (f"{value:.4g}" if math.isfinite(value) else "none is enough" for value in (low, high))
    return one if low == high else f"{one} to {other}"
