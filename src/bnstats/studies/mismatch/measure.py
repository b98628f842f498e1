"""The simulation of the mismatch between batch statistics in training and running ones in testing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

from bnstats._checks.numbers import batch_sizes as checked_sizes
from bnstats._checks.numbers import number, whole
from bnstats._checks.values import each, flag, instance, shown
from bnstats.datasets.dataset import Dataset
from bnstats.datasets.row_batching import RowBatching, Shuffled
from bnstats.datasets.shifts import Shift
from bnstats.networks.normalizers.normalizer import Normalizer
from bnstats.simulation.options import RunOptions, run_options
from bnstats.simulation.run import run
from bnstats.statistics.running_conventions import Convention, Momentum
from bnstats.studies.arguments import recipes, rules_of
from bnstats.studies.mismatch.evaluation import kind_of
from bnstats.studies.mismatch.result import Mismatch
from bnstats.studies.mismatch.study import MismatchStudy

# 2, 4, ..., 128
DEFAULT_BATCH_SIZES = tuple(2**k for k in range(1, 8))
STEPS = 1000


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
    """Measure the cost of training on batch statistics and testing on running ones, for small classifiers.

    Every combination of normalizer, hidden layers, momentum, learning rate, batching and batch size is a condition, in
    which networks are trained. Each network has its own split of the data, initial weights and batches. It is tested
    under every combination of shift, test batching and test batch size, with every kind of statistics on the same rows.
    Estimates are means over networks, and all differences within a condition are paired. With common random numbers,
    differences between conditions are paired, too.

    Parameters
    ----------
    dataset : whatever `Dataset.of` takes
        "digits", "gaussians", "mnist", "breast_cancer", or rows and labels (x, y).
    normalizers : names or Normalizers
        "none", "batch", "renorm", "layer", "group", "ghost", "frozen", "rms", "batch then group", or a user's own.
    batch_sizes : ints of at least 2
        Rows in each training batch.
    batching : RowBatching or several
        Rule by which training batches are drawn, such as `Shuffled()`, `OneClass()` or `Correlated(phi=0.9)`.
    hidden : tuple of ints, or a list of tuples of ints
        Units of each hidden layer.
    convention : name or Convention
        Convention of the running statistics and eps: "torch", "keras", "flax", "haiku" or "cumulative".
    momentum : float in (0, 1], None, "default", or several
        Weight of the new batch in the running statistics; None for 1/t, by default the convention's own.
    learning_rate : float or several
        Learning rate of stochastic gradient descent.
    sgd_momentum, weight_decay : float
        Momentum and weight decay of stochastic gradient descent.
    steps : int, optional
        Training steps, the same for all batch sizes; by default 1000 unless `rows` is given.
    rows : int, optional
        Rows seen in training, rounded down to whole batches, in place of `steps`.
    shift : Shift, None, or several
        Change of the test rows, such as `Noise(0.5)`.
    test_batching, test_batch_sizes : one or several
        Rule and size of test batches, by default those of training.
    statistics : names or adaptations
        Statistics that normalize test rows. "batch": each test batch by its own. "running": the exponential average
        kept in training. "averaged": the average over batches of their means and unbiased variances at the final
        weights, as in PyTorch's `update_bn`. "precise": the pooled statistics of the same batches, an epoch and at
        least 100 batches. "population": those of all training rows, layer by layer along the inference path.
        Statistics can be adapted to the test rows, too, by name or as objects of `bn.adaptation`: "prediction-time",
        "mixed", "weighed", "mean only", "variance only", "continued".
    common_random_numbers : bool
        True if networks with the same number have the same split of the data, initial weights and order of rows in all
        conditions. Then `compare` needs fewer networks for a difference between conditions, but the errors of different
        rows of the table are correlated.
    **options : RunOptions
        A replicate is a network. The precision is asked of every accuracy, not of other scores and parts of the gap,
        which come from the same networks.

    Returns
    -------
    Mismatch
        Scores and parts of the gap (`Mismatch.gap`). `table` has one row per condition, kind of statistics and metric:

        - `dataset`, `normalizer`, `batching`: name of the data set, of the normalizer and of the rule of training
          batches.
        - `batch_size`: number of rows in a training batch.
        - `hidden`: units of the hidden layers.
        - `momentum`: weight of the new batch in the running statistics; NaN for 1/t.
        - `learning_rate`: learning rate of training.
        - `shift`, `test_batching`: name of the shift of test rows and of the rule of test batches.
        - `test_batch_size`: number of rows in a test batch.
        - `statistics`: kind of statistics that normalize test rows.
        - `metric`: "accuracy"; "nll", negative log-likelihood in nats; "ece", expected calibration error;
          "disagreement", proportion of test rows whose predicted class differs from that with population statistics;
          "diverged", proportion of networks whose logits are not finite.
        - `value`: mean of the metric over networks; a proportion, except for nll.
        - `mcse`, `mcse_df`: Monte Carlo standard error of `value`, in its unit, and its degrees of freedom.
        - `exact`: NaN, as no exact score is known.
        - `bayes_accuracy`: Bayes accuracy for a single row, as a proportion; NaN if it is unknown.
        - `replicates`: number of networks.
        - `precision_reached`: True if the relative `mcse` is at most `precision`, or if no precision was asked of the
          number.

    Raises
    ------
    ValueError
        If an argument is out of range, or batches cannot be drawn or normalized.

    Warns
    -----
    DivergenceWarning
        If networks have diverged. They count as guessing at random: accuracy 1 / classes, nll log(classes), ece and
        disagreement 0.

    Notes
    -----
    The estimated calibration error of a finite number of test rows is biased upwards, more so if calibration is better.

    Examples
    --------
    >>> m = measure_mismatch("digits", batch_sizes=[2, 32], steps=200, max_replicates=32, precision=None)
    >>> accuracy = m.table.query("metric == 'accuracy'")
    >>> accuracy.pivot(index="batch_size", columns="statistics", values="value")[["batch", "running"]].round(2)
    statistics  batch  running
    batch_size
    2            0.41     0.69
    32           0.95     0.96

    The gap, batch - running, is the sum of three parts:

    >>> gap = m.gap().query("metric == 'accuracy' and batch_size == 2")
    >>> print(gap[["part", "value"]].round(2).to_string(index=False))
                      part  value
           batch - running  -0.27
        batch - population  -0.27
      population - precise   0.00
         precise - running   0.00
    """
    sizes = checked_sizes("batch_sizes", batch_sizes)
    study = MismatchStudy(
        Dataset.of(dataset),
        recipes(
            normalizers,
            hidden=each("hidden", hidden if _nested(hidden) else [hidden], _units),
            convention=each("momentum", momentum, lambda value: _convention(convention, value)),
            learning_rate=each("learning_rate", learning_rate, lambda rate: number("learning_rate", rate)),
            sgd_momentum=[number("sgd_momentum", sgd_momentum)],
            weight_decay=[number("weight_decay", weight_decay)],
        ),
        rules_of("batching", batching),
        sizes,
        *_length(steps, rows, sizes),
        each("shift", shift, _shift),
        None if test_batching is None else rules_of("test_batching", test_batching),
        None if test_batch_sizes is None else checked_sizes("test_batch_sizes", test_batch_sizes),
        each("statistics", statistics, kind_of),
        flag("common_random_numbers", common_random_numbers),
    )
    study.check()
    return Mismatch._of(study, run(study, **options))


def _nested(hidden: Any) -> bool:
    """Return True for the layers of several networks."""
    return isinstance(hidden, list | tuple) and any(isinstance(units, list | tuple) for units in hidden)


def _units(given: Any) -> tuple[int, ...]:
    if not isinstance(given, list | tuple):
        raise ValueError(f"hidden has the units of each hidden layer, as in hidden=(64, 64); got {shown(given)}.")
    return tuple(whole("each of hidden", units, minimum=1) for units in given)


def _convention(source: Any, momentum: Any) -> Convention:
    named = momentum is None or (isinstance(momentum, str) and momentum == "default")
    return Convention.of(source, momentum if named else number("momentum", momentum))


def _length(steps: Any, rows: Any, batch_sizes: tuple[int, ...]) -> tuple[int | None, int | None]:
    """Return (steps, None) or (None, rows), the length of training that was given."""
    if steps is not None and rows is not None:
        raise ValueError(
            f"steps and rows both say how long to train; give steps or rows, got {shown(steps)} and {shown(rows)}."
        )
    if rows is not None:
        return None, whole("rows", rows, minimum=max(batch_sizes))
    return STEPS if steps is None else whole("steps", steps, minimum=1), None


def _shift(given: Any) -> Shift | None:
    shift: Shift | None = given if given is None else instance("shift", given, Shift, "bn.shifts.Noise(0.5)")
    return shift
