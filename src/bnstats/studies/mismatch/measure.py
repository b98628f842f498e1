"""What train-time batch statistics against test-time running statistics cost a classifier."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

import numpy as np
import pandas as pd

from bnstats._checks.numbers import batch_sizes as checked_sizes
from bnstats._checks.numbers import whole
from bnstats._checks.values import each, flag, instance, shown
from bnstats._warnings import first_of, notify
from bnstats.datasets.dataset import Dataset
from bnstats.datasets.row_batching import RowBatching, Shuffled, WithReplacement
from bnstats.datasets.shifts import Shift
from bnstats.networks.normalizers.normalizer import Normalizer
from bnstats.simulation.options import RunOptions, run_options
from bnstats.simulation.precision.paired_errors import Error, difference
from bnstats.simulation.run import Simulation, run
from bnstats.statistics.conventions import Convention, Momentum
from bnstats.studies.mismatch.evaluation import NO_SHIFT, PARTS, kind_of
from bnstats.studies.mismatch.recipes import recipes
from bnstats.studies.mismatch.result import Mismatch
from bnstats.studies.mismatch.study import CONDITION_COLUMNS, MismatchStudy

# 2, 4, ..., 128
DEFAULT_BATCH_SIZES = tuple(2**k for k in range(1, 8))
STEPS = 1000


class DivergenceWarning(UserWarning):
    """Some networks diverged."""


@run_options(precision=0.005, max_replicates=1000)
def measure_mismatch(
    dataset: Any,
    *,
    normalizers: str | Normalizer | Sequence[str | Normalizer] = "batch",
    batch_sizes: int | Sequence[int] = DEFAULT_BATCH_SIZES,
    batching: RowBatching | Sequence[RowBatching] = Shuffled(),
    hidden: tuple[int, ...] | list[tuple[int, ...]] = (64,),
    convention: str | Convention = "torch",
    momentum: Momentum | Sequence[Momentum] = "default",
    learning_rate: float | Sequence[float] = 0.1,
    sgd_momentum: float = 0.0,
    weight_decay: float = 0.0,
    steps: int | None = None,
    rows: int | None = None,
    shift: Shift | Sequence[Shift | None] | None = None,
    test_batching: RowBatching | Sequence[RowBatching] | None = None,
    test_batch_sizes: int | Sequence[int] | None = None,
    statistics: Any = ("batch", "running", "precise", "population"),
    common_random_numbers: bool = False,
    **options: Unpack[RunOptions],
) -> Mismatch:
    """Measure what batch statistics in training and running statistics in testing cost small classifiers.

    Every combination of normalizer, hidden layers, momentum, learning rate, batching and batch size is a condition in
    which networks are trained, each with its own split of the data, initial weights and batches. Each network is then
    tested under every combination of shift, test batching and test batch size, with every kind of statistics on the
    same rows. So all differences within a condition are paired, and estimates are means over networks. With common
    random numbers those between conditions are paired, too.

    Parameters
    ----------
    dataset : whatever `Dataset.of` takes
        "digits", "gaussians", "mnist", "breast_cancer", or rows and labels (x, y).
    normalizers : names or Normalizers
        "none", "batch", "renorm", "layer", "group", "ghost", "frozen", "rms", "batch then group", or a user's own.
    batch_sizes : ints of at least 2
    batching : RowBatching or several
        How training batches are drawn, such as `Shuffled()`, `OneClass()` or `Correlated(phi=0.9)`.
    hidden : tuple of ints, or a list of such tuples
        Units of each hidden layer.
    convention : name or Convention
        Of the running statistics and eps: "torch", "keras", "flax", "haiku" or "cumulative".
    momentum : float in (0, 1], None, "default", or several
        Weight of the new batch in the running statistics, None for 1/t, by default the convention's own.
    learning_rate, sgd_momentum, weight_decay : float
        Of stochastic gradient descent; several learning rates are several conditions.
    steps, rows : int
        Length of training: so many steps for all batch sizes (by default 1000), or so many rows seen, up to a whole
        batch; one of the two.
    shift : Shift, None, or several
        What changes the test rows, such as `Noise(0.5)`.
    test_batching, test_batch_sizes : one or several
        By default those of training.
    statistics : names or adaptations
        "batch": each test batch by itself. "running": the exponential average kept in training. "averaged": what
        PyTorch's `update_bn` makes, the average over batches of their means and unbiased variances at the final
        weights. "precise": the same batches pooled, one epoch and at least 100. "population": all training rows, layer
        by layer along the inference path. Or adapted to what is tested, by name or as objects of `bn.adaptation`:
        "prediction-time", "mixed", "weighed", "mean only", "variance only", "continued".
    common_random_numbers : bool
        Whether networks with the same number have the same split of the data, initial weights and order of rows in all
        conditions. Then `compare` needs fewer networks for a difference between conditions; but the errors of different
        rows of the table are correlated.
    **options : RunOptions
        A replicate is a network. Precision is asked of every accuracy; the other scores and the parts of the gap are of
        the same networks, and no precision is asked of them.

    Returns
    -------
    Mismatch

    Warns
    -----
    DivergenceWarning
        If networks have diverged. They count as guessing at random: accuracy 1 / classes, nll log(classes), ece and
        flips 0.

    Examples
    --------
    >>> m = measure_mismatch("digits", batch_sizes=[2, 32], steps=200, max_replicates=32, precision=None)
    >>> wide = m.table.query("metric == 'accuracy'").pivot(index="batch_size", columns="statistics", values="value")
    >>> bool(wide.loc[2, "running"] < wide.loc[32, "running"])
    True
    >>> gap = m.gap().query("metric == 'accuracy' and batch_size == 2").set_index("part")["value"]
    >>> bool(np.isclose(gap.iloc[0], gap.iloc[1:].sum()))
    True

    Notes
    -----
    The calibration error of a finite number of test rows is biased upwards, the more the better the calibration.
    """
    sizes = checked_sizes("batch_sizes", batch_sizes)
    study = MismatchStudy(
        Dataset.of(dataset),
        recipes(normalizers, hidden, convention, momentum, learning_rate, sgd_momentum, weight_decay),
        _rules("batching", batching),
        sizes,
        *_length(steps, rows, sizes),
        each("shift", shift, _shift),
        None if test_batching is None else _rules("test_batching", test_batching),
        None if test_batch_sizes is None else checked_sizes("test_batch_sizes", test_batch_sizes),
        each("statistics", statistics, kind_of),
        flag("common_random_numbers", common_random_numbers),
    )
    study.check()
    simulation = run(study, **options)
    return _mismatch(study, simulation)


def _rules(name: str, given: Any) -> tuple[RowBatching, ...]:
    return each(name, given, lambda rule: instance(name, rule, RowBatching, "bn.Shuffled()"))


def _length(steps: Any, rows: Any, batch_sizes: tuple[int, ...]) -> tuple[int | None, int | None]:
    """Steps or rows seen, the one that was given."""
    if steps is not None and rows is not None:
        raise ValueError(
            f"steps and rows both say how long to train; give one of them, got {shown(steps)} and {shown(rows)}."
        )
    if rows is not None:
        return None, whole("rows", rows, minimum=max(batch_sizes))
    return STEPS if steps is None else whole("steps", steps, minimum=1), None


def _shift(given: Any) -> Shift | None:
    shift: Shift | None = given if given is None else instance("shift", given, Shift, "bn.shifts.Noise(0.5)")
    return shift


def _mismatch(study: MismatchStudy, simulation: Simulation) -> Mismatch:
    """The table of scores and that of the gap's parts; warns where networks have diverged."""
    table = simulation.table.drop(columns="measure").astype({"momentum": float})
    part = table["statistics"].isin(PARTS)
    parts = table[part].drop(columns=["exact", "precision_reached"]).rename(columns={"statistics": "part"})
    # In other batches, rows reveal each other's classes, and with a shift the best accuracy is another.
    alone = (table["shift"] == NO_SHIFT) & table["test_batching"].isin([repr(Shuffled()), repr(WithReplacement())])
    best = np.where(alone & (table["metric"] == "accuracy"), study.dataset.bayes, np.nan)
    table.insert(table.columns.get_loc("exact") + 1, "best", best)
    scores = table[~part].reset_index(drop=True)
    _warn(scores[(scores["metric"] == "diverged") & (scores["value"] > 0)])
    rows = tuple(np.flatnonzero(~part).tolist())
    parts = _of_at_most_the_sum(parts.reset_index(drop=True), scores)
    return Mismatch(scores, parts, simulation, rows, study.common_random_numbers)


def _of_at_most_the_sum(parts: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """The parts of the gap, of which the error of none is above the sum of those of the two scores it is made of."""
    keys = [name for name in parts.columns[: parts.columns.get_loc("value")] if name != "part"]
    columns = ["mcse", "mcse_df"]
    found = [Error(*pair) for pair in parts[columns].to_numpy(float)]
    sides = []
    for side in (0, 1):
        wanted = parts.assign(statistics=[PARTS[part][side] for part in parts["part"]])[[*keys, "statistics"]]
        errors = wanted.merge(scores[[*keys, "statistics", *columns]], "left", [*keys, "statistics"])[columns]
        sides.append([Error(*pair) for pair in errors.to_numpy(float)])
    capped = [own if own.mcse == 0 else difference(own, a, b) for own, a, b in zip(found, *sides, strict=True)]
    return parts.assign(mcse=[error.mcse for error in capped], mcse_df=[error.df for error in capped])


def _warn(diverged: pd.DataFrame) -> None:
    if len(diverged):
        where = diverged.groupby(list(CONDITION_COLUMNS), sort=False, dropna=False)["value"].max().reset_index()
        notify(
            f"networks diverged in {len(where)} conditions and count as guessing at random; a smaller learning_rate "
            f"mends it; value is their share. {first_of(where)}",
            DivergenceWarning,
        )
