"""What a planned batch size, momentum and depth imply for batch normalization, from theory alone."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from bnstats._checks.arguments import checked
from bnstats._checks.numbers import number, sample_size, whole
from bnstats._checks.values import shown
from bnstats.sampling.populations import Population
from bnstats.statistics import theory
from bnstats.statistics.conventions import Convention, Momentum
from bnstats.statistics.normalized_member import raw_given_normalized
from bnstats.studies.gradients.exact import linear_factor

# Beyond these limits `Advice.notes` says what to change; the audit of a trained model has the same ones.
SMALL_BATCH = 4
NOISY_VARIANCE = 0.7
START_WEIGHT = 0.01
SHRUNK = 0.05


@dataclass(frozen=True)
class Plan:
    """A planned configuration: one batch-normalized layer after another, fed with independent batches.

    Attributes
    ----------
    rows, positions, layers : int
        Rows of a batch, values per row that share a channel (1 for fully connected layers), normalized layers.
    steps : int or None
        Updates of the running statistics; None: as many as it takes for the start to be forgotten.
    convention : Convention
    population : Population
        Of the values in a channel.
    tolerance : float
        Largest standard deviation of a running mean that is tolerated, in standard deviations of the values.
    """

    rows: int
    positions: int
    layers: int
    steps: int | None
    convention: Convention
    population: Population
    tolerance: float

    @property
    def sizes(self) -> tuple[int, int]:
        """The fewest and the most independent values behind a batch statistic: one per row, or one per position."""
        return self.rows, self.rows * self.positions

    @property
    def start_weight(self) -> float:
        """Weight that the start values still have in the running statistics after the last step."""
        return 0.0 if self.steps is None else float(self.convention.weights(self.steps)[0])

    @property
    def noise(self) -> float:
        """Variance of a running statistic in units of that of a batch statistic."""
        if self.steps is None:
            return self.convention.plateau
        return float(np.square(self.convention.weights(self.steps)[1:]).sum())

    @property
    def forgetting(self) -> float:
        """Steps until the start values weigh less than 1 %."""
        if self.convention.debias or self.convention.momentum in (None, 1.0):
            return 1.0
        return float(math.ceil(math.log(START_WEIGHT) / math.log1p(-float(self.convention.momentum or 0))))

    @checked(size=sample_size)
    def scale(self, size: int) -> float:
        """Scale of the last layer in evaluation mode against training mode: a root of (n - 1) / n per layer."""
        return float((1 - 1 / size) ** (self.convention.ddof * self.layers / 2))


def _mean_error(plan: Plan, size: int) -> float:
    return theory.sampling(plan.population, size, "mean").se / plan.population.std


def _variance_error(plan: Plan, size: int) -> float:
    return theory.sampling(plan.population, size, "var_unbiased").se / plan.population.var


def _running_error(plan: Plan, size: int) -> float:
    return math.sqrt(plan.noise) * _mean_error(plan, size)


def _raw_value(z: float) -> Any:
    """Spread of the raw value behind z; nan where z cannot occur, and for a population that is not normal."""
    return lambda plan, size: raw_given_normalized(plan.population, z, size)[1] / plan.population.std


def _gradient(plan: Plan, size: int) -> float:
    """As `measure_gradients` has it; nan where positions share weights, of which no formula is known here,
    and where eps is so large that values vanish layer by layer.
    """
    known = plan.positions == 1 and plan.convention.eps < 1
    return linear_factor(size, plan.convention.eps) if known else math.nan


_GROWTH = "growth of squared gradients per linear layer, wide limit"

# Quantity, unit, and its value for a plan and the number of independent values behind a batch statistic.
_QUANTITIES = (
    ("independent values behind a batch statistic", "values", lambda _, size: float(size)),
    ("error of a batch mean", "sd", _mean_error),
    ("relative error of a batch variance", "share", _variance_error),
    ("spread of the raw value behind a normalized 0", "sd", _raw_value(0.0)),
    ("spread of the raw value behind a normalized 2", "sd", _raw_value(2.0)),
    ("error of the running mean by noise", "sd", _running_error),
    ("weight of the start values", "share", lambda plan, _: plan.start_weight),
    ("steps until the start values weigh 1 %", "steps", lambda plan, _: plan.forgetting),
    ("scale of the last layer in evaluation mode", "factor", lambda plan, size: plan.scale(size)),
    (_GROWTH, "factor", _gradient),
)


@dataclass(frozen=True)
class Advice:
    """What a planned configuration implies.

    Attributes
    ----------
    table : DataFrame
        quantity, unit, low, high. The two differ where positions of an image share a channel: one bound is for
        positions that are all alike, the other for independent ones. "sd" is the standard deviation of the values.
    notes : tuple of str
        What to change, and why, if all positions of a row are alike; empty if nothing needs to be.
    """

    table: pd.DataFrame
    notes: tuple[str, ...]
    plan: Plan = field(repr=False)

    def summary(self) -> str:
        """The table and the notes in plain words."""
        normal = self.plan.population.family == "norm"
        unknown = {_GROWTH: "not known for this plan"}
        missing = "cannot occur" if normal else "not known for this population"
        rows: Iterable[Any] = self.table.itertuples()
        lines = [
            f"{row.quantity}: {_span(row.low, row.high, unknown.get(str(row.quantity), missing))} ({row.unit})"
            for row in rows
        ]
        return "\n".join([*lines, "", *(self.notes or ("Nothing in this plan needs to be changed.",))])

    def __repr__(self) -> str:
        return self.summary()

    def _repr_html_(self) -> str:
        notes = self.notes or ("Nothing in this plan needs to be changed.",)
        return str(self.table.to_html(index=False)) + "".join(f"<p>{note}</p>" for note in notes)


def advise(
    *,
    batch_size: int,
    momentum: Momentum = "default",
    spatial: int = 1,
    layers: int = 1,
    steps: int | None = None,
    convention: str | Convention = "torch",
    population: Any = "normal",
    tolerance: float = 0.05,
) -> Advice:
    """What a planned configuration of batch normalization implies, from theory alone.

    Parameters
    ----------
    batch_size : int
        Rows of a batch that are normalized together, at least 2: of one device, unless statistics are synchronized.
    momentum : float in (0, 1], None or "default"
        Weight of the new batch in the running statistics, None for 1/t; by default the convention's.
    spatial : int
        Positions of a row that share a channel: height times width of a feature map.
    layers : int
        Batch-normalized layers, one behind the other.
    steps : int, optional
        Updates of the running statistics; by default as many as it takes to forget the start values.
    convention : name or Convention
        "torch", "keras", "flax", "haiku" or "cumulative".
    population : whatever `Population.of` takes
        Of the values in a channel, with a finite variance; only its shape counts.
    tolerance : float
        Error of a running mean that is tolerated, in standard deviations of the values.

    Returns
    -------
    Advice

    Raises
    ------
    ValueError
        For bad arguments, or a population without a finite variance.

    Examples
    --------
    >>> advice = advise(batch_size=64, layers=20)
    >>> advice.table.set_index("quantity").loc["scale of the last layer in evaluation mode", "low"].round(3).item()
    0.854
    >>> print(advise(batch_size=32, momentum=0.01, steps=100).notes[0])
    start_remains: after 100 steps the start values still weigh 37%; raise momentum to at least 0.046, or train longer.

    Notes
    -----
    Errors of a batch mean and variance are those of independent values (see `bnstats.theory.sampling`); an exponential
    average of weight a has a / (2 - a) times their variance, and keeps (1 - a)^t of its start. The raw value behind a
    normalized z (ddof 0) has standard deviation sqrt(1/n + z² (1 - c4²) (n - 1)/n) for normal values, see
    `bnstats.theory.raw_given_normalized`; for other populations the table has nan. An unbiased running variance is
    larger than the one that training normalizes by, by n / (n - 1) in every layer.

    The growth of squared gradients is the limit of wide, fully connected layers without an activation, whose inputs
    span n - 1 directions: of layers that are much wider than n, with at least n inputs, at initialization. In layers of
    w units the growth is smaller by about 0.1 n / w. In batches of 2 and 3 rare networks dominate it, as far as eps
    lets them. `measure_gradients` measures the growth, with an activation too.
    """
    plan = Plan(
        whole("batch_size", batch_size, minimum=2, maximum=2**27),
        whole("spatial", spatial, minimum=1, maximum=2**24),
        whole("layers", layers, minimum=1, maximum=10**6),
        None if steps is None else whole("steps", steps, minimum=1, maximum=10**7),
        Convention.of(convention, momentum),
        _with_variance(population),
        _tolerance(tolerance),
    )
    fewest, most = plan.sizes
    rows = [(name, unit, of(plan, fewest), of(plan, most)) for name, unit, of in _QUANTITIES]
    return Advice(pd.DataFrame(rows, columns=["quantity", "unit", "low", "high"]), tuple(_notes(plan)), plan)


def _with_variance(given: Any) -> Population:
    population = Population.of(given)
    if not 0 < population.var < math.inf:
        raise ValueError(
            f"population {population.name} has variance {population.var}, nothing to normalize by; give one with a "
            "finite variance above 0."
        )
    return population


def _tolerance(given: Any) -> float:
    if not 0 < number("tolerance", given) < math.inf:
        raise ValueError(f"tolerance is an error in standard deviations, above 0 and finite; got {shown(given)}.")
    return float(given)


def _notes(plan: Plan) -> Iterator[str]:
    """What to change, named like the causes of an audit, each judged at the worst: the fewest independent values."""
    size = plan.rows
    variance_error = _variance_error(plan, size)
    if size <= SMALL_BATCH or variance_error > NOISY_VARIANCE:
        enough = theory.required_batch_size(plan.population, "mean", rmse=0.125 * plan.population.std)
        yield (
            f"small_batch: batches of {size} give the same raw value a meaning that varies by "
            f"{_mean_error(plan, size):.2f} sd; {enough} rows bring it to 0.125 sd, or take batch renormalization, "
            "layer or group normalization."
        )
    if plan.start_weight > START_WEIGHT:
        least = 1 - START_WEIGHT ** (1 / plan.steps) if plan.steps else 0.0
        yield (
            f"start_remains: after {plan.steps} steps the start values still weigh {plan.start_weight:.0%}; raise "
            f"momentum to at least {_rounded_up(least)}, or train longer."
        )
    if _running_error(plan, size) > plan.tolerance:
        share = (plan.tolerance / _mean_error(plan, size)) ** 2
        most = 2 * share / (1 + share)
        yield (
            f"noisy_average: the running mean errs by {_running_error(plan, size):.3f} sd, above {plan.tolerance:g}; "
            f"momentum of at most {_rounded_down(most)}, or recalibration at the end, mends it."
        )
    if 1 - plan.scale(size) > SHRUNK:
        yield (
            f"variance_convention: in evaluation mode the last of {plan.layers} layers has {plan.scale(size):.3f} "
            "times the scale that it had in training mode, because the running variance is unbiased; recalibrate, or "
            "keep the biased variance."
        )


def _rounded_up(momentum: float) -> float:
    return math.ceil(momentum * 1000) / 1000


def _rounded_down(momentum: float) -> float:
    return math.floor(momentum * 1000) / 1000


def _span(low: float, high: float, missing: str) -> str:
    """The two bounds, or what it means that they are missing."""
    if math.isnan(low):
        return missing if math.isnan(high) else f"{missing}, or {high:.4g}"
    return f"{low:.4g}" if low == high else f"{low:.4g} to {high:.4g}"
