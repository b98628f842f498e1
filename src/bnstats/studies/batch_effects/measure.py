"""The simulation of when correcting for batches helps and when it hurts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

import numpy as np

from bnstats._checks.numbers import LARGEST_BATCH, number, proportion, whole
from bnstats._checks.numbers import batch_sizes as batch_sizes_of
from bnstats._checks.user_code import ReadOnlyError
from bnstats._checks.values import choice, choices, each, flag, several, shown
from bnstats.corrections import Correction, correction_of
from bnstats.sampling.effects import Effect
from bnstats.simulation.options import RunOptions, run_options
from bnstats.simulation.run import run
from bnstats.studies.batch_effects.downstream_model import corrected
from bnstats.studies.batch_effects.result import Corrected
from bnstats.studies.batch_effects.study import CorrectionStudy

MEASURES = ("rmse", "correlation", "accuracy", "training_accuracy", "bias")
LABELS = ("nuisance", "signal")
LARGEST_EFFECT = 1e100
DESIGNS = ("balanced", "confounded")


@run_options(precision=0.02, max_replicates=2**13)
def measure_correction(
    corrections: str | Correction | Sequence[str | Correction] = ("none", "center", "standardize", "shrink"),
    *,
    effect: Any = "distinct",
    effect_size: float | Sequence[float] = 1.0,
    smoothness: float | Sequence[float] = 1.0,
    batch_sizes: int | Sequence[int] = (2, 8, 32, 128),
    batches: int = 20,
    labels: str | Sequence[str] = "nuisance",
    design: str | float | Sequence[str | float] = "balanced",
    keep: bool | Sequence[bool] = False,
    measures: Sequence[str] = MEASURES,
    new_batches: int = 5,
    refit: bool = True,
    features: int = 1,
    noise: float = 0.2,
    ticks: int = 4,
    **options: Unpack[RunOptions],
) -> Corrected:
    """Measure the effect of corrections for batches or drift on a signal, and on predictions of its label.

    A row is signal + noise + effect of its batch or time. Its label is 1 if the signal is above 0.

    Parameters
    ----------
    corrections : names in `CORRECTIONS`, or `Correction`
        Corrections, all applied to the same rows.
    effect : name in `EFFECTS`, Effect, or several
        Law of the effects: "distinct" by batch; "random_walk", "sinusoid" or "trend" over time.
    effect_size : float or several
        Ratio tau / sigma: the standard deviation of the effects over the standard deviation of the rows within a batch.
    smoothness : float in [0, 1] or several
        Proportion of the effect's variance that is continuous in time; the rest is distinct by batch. A distinct effect
        has smoothness 0.
    batch_sizes : int of at least 2, or several
        Rows in each batch.
    batches : even int of at least 4
        Number of batches that corrections and the downstream model are fitted on.
    labels : {"nuisance", "signal"} or both
        Role of the effect. With "nuisance", labels follow a row's deviation from its batch. With "signal", the effect
        is part of the signal, and labels follow the raw value.
    design : {"balanced", "confounded"}, number in [0, 1), or several
        If confounded, signals are higher by 0.67 standard deviations in the half of the batches with the higher
        effects, and lower by as much in the other half: 3 in 4 labels are 1, and 1 in 4. New batches are balanced.
        A number is the proportion of the label's variance between batches. Labels are then drawn, each batch of the
        half with the higher effects has more of label 1, and the signal of label 1 is higher by sigma: 0.36 means 80 %
        and 20 %.
    keep : bool or both
        True if corrections keep the label's effect, as a covariate that is known for each row. Their names in the table
        end with ", label kept"; "none" keeps it anyway.
    measures : names
        Some of these:

        - "rmse": root mean squared error of corrected rows, from the result of a perfect correction, up to a shift
          common to all rows.
        - "correlation": correlation of corrected rows with the signal.
        - "accuracy": proportion of labels that a logistic model of corrected rows predicts correctly in new batches.
        - "training_accuracy": the same in fitted batches.
        - "bias": error of the difference between the mean rows of labels 1 and 0, in units of sigma.
    new_batches : int
        Number of batches after the fitted batches. Effects over time continue in new batches.
    refit : bool
        True if corrections along time are fitted again to all rows so far, those of the new batch included. False if
        corrections that apply to new times are applied as they were fitted.
    features : int
        Number of features, each with its own signal, noise and effect. Labels follow the sum of the signals. ComBat
        needs two or more.
    noise : float
        Proportion of the variance within a batch that is noise.
    ticks : int
        Distinct times within a batch, at most its size; windows along time are counted in ticks.
    **options : RunOptions
        A replicate is a set of `batches` batches and the new batches after them. No precision is asked of a bias.

    Returns
    -------
    Corrected
        Measures of each correction. `table` has one row per condition, correction and measure:

        - `effect`: name of the law of the effects.
        - `effect_size`: standard deviation of the effects over that of the rows within a batch, without unit.
        - `smoothness`: proportion of the effect's variance that is continuous in time.
        - `batch_size`: number of rows in a batch.
        - `labels`, `design`: role of the effect, "nuisance" or "signal"; "balanced", "confounded" or a number.
        - `correction`: name of the correction.
        - `measure`: name of the measure, as in `measures`.
        - `value`: estimate of the measure; rmse and bias in units of sigma, correlation without unit, accuracies as
          proportions.
        - `mcse`, `mcse_df`: Monte Carlo standard error of `value`, in its unit, and its degrees of freedom.
        - `exact`: exact value, in the unit of `value`; NaN if it is unknown.
        - `replicates`: number of sets of batches.
        - `precision_reached`: True if the relative `mcse` is at most `precision`, or if no precision was asked of the
          number.

    Raises
    ------
    ValueError
        If an argument is out of range, or a correction cannot correct batches of these sizes.

    Notes
    -----
    The target of a measure is its expectation over effects, signal and noise. With J batches of n rows, effects of
    variance tau² and sigma = 1, the mean squared error of a nuisance is (1 - 1/J) times tau² for no correction, 1/n for
    centering, and at best tau² (1/n) / (tau² + 1/n) for shrinking. If effects belong to the signal, it is (1 - 1/J)
    times 0 for no correction, tau² + 1/n for centering, and between for shrinking.

    The exact rmse is known for these corrections, for shrinking with estimated variances, and for all linear
    corrections up to 1024 rows. The exact bias is known for linear corrections.

    Examples
    --------
    >>> c = measure_correction(["none", "center"], batch_sizes=[4], measures=["rmse"])
    >>> c.table["exact"].round(3).tolist()
    [0.975, 0.487]
    >>> c.best_corrections()[["best", "second_best", "clear"]].values.tolist()
    [['center', 'none', True]]

    Of a difference of 1 between labels, centering loses the proportion of their variance between batches:

    >>> c = measure_correction("center", design=0.36, keep=[False, True], batch_sizes=32, measures=["bias"])
    >>> c.table[["correction", "value"]].round(1).values.tolist()
    [['center', -0.4], ['center, label kept', 0.0]]
    """
    study = CorrectionStudy(
        effect=tuple(Effect.of(e) for e in several("effect", effect)),
        effect_size=each("effect_size", effect_size, lambda t: number("each of effect_size", t, "[0, inf)")),
        smoothness=each("smoothness", smoothness, lambda s: proportion("each of smoothness", s)),
        batch_size=batch_sizes_of("batch_sizes", batch_sizes),
        labels=choices("labels", labels, LABELS),
        design=each("design", design, lambda d: _design("each of design", d)),
        corrections=tuple(correction_of(c) for c in several("corrections", corrections)),
        batches=whole("batches", batches, 4),
        new_batches=whole("new_batches", new_batches, 1),
        refit=flag("refit", refit),
        features=whole("features", features, 1),
        noise=number("noise", noise, "[0, 1)", "a proportion of the variance"),
        ticks=whole("ticks", ticks, 1),
        measures=choices("measures", measures, MEASURES),
        keep=each("keep", keep, lambda k: flag("each of keep", k)),
    )
    _check(study)
    simulation = run(study, **options)
    return Corrected(simulation.table, simulation)


def _design(name: str, value: Any) -> str | float:
    """Return a design: a known word, or the proportion of the label's variance between batches.

    >>> _design("design", "balanced"), _design("design", 0.36)
    ('balanced', 0.36)
    """
    if isinstance(value, str):
        return choice(name, value, DESIGNS)
    return number(name, value, "[0, 1)", "or one of balanced, confounded")


def _check(study: CorrectionStudy) -> None:
    """Raise ValueError for arguments out of range, or batches that a correction cannot correct."""
    names = [c.name for c in study.corrections]
    if len(set(names)) < len(names):
        raise ValueError(f"corrections has one or more, each once; got {', '.join(names)}.")
    if study.batches % 2:
        raise ValueError(f"batches is even, as confounded designs split batches into halves; got {study.batches}.")
    if max(study.effect_size) > LARGEST_EFFECT:
        raise ValueError(
            f"effect_size is tau / sigma, from 0 to {LARGEST_EFFECT:g}; got {shown(list(study.effect_size))}."
        )
    largest = max(map(study.draws_per_replicate, study.conditions()))
    if largest > LARGEST_BATCH:
        raise ValueError(
            f"features, batches and batch_sizes make {shown(largest)} values at a time; at most {LARGEST_BATCH} are "
            "simulated."
        )
    if any(study.keep):
        along_time = [c.name for c in study.corrections if c.along != "batch"]
        if along_time:
            raise ValueError(f"keep=True goes with corrections along batches; got {along_time[0]}.")
        if {"accuracy", "training_accuracy"} & set(study.measures):
            raise ValueError(
                "keep=True takes the label from each row, and labels of new batches are to be predicted: give measures "
                "without accuracies, such as ['rmse', 'bias']."
            )
    shape = 1, study.features, study.batches + study.new_batches, min(study.batch_size)
    probe = np.random.default_rng(0).normal(size=shape)
    for correction in study.corrections:
        try:
            corrected(correction, probe, study.new_batches, study.ticks, refit=study.refit)
        except ReadOnlyError:
            raise
        except ValueError as error:
            raise ValueError(f"batches of {shape[3]} cannot be corrected by {correction.name}: {error}") from error
