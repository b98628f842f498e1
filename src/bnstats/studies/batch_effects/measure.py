"""When correcting for the batch helps and when it hurts: simulated rows under a batch effect, corrected, and used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

from bnstats._checks.numbers import batch_sizes as batch_sizes_of
from bnstats._checks.numbers import number, share, whole
from bnstats._checks.values import choices, each, flag, several
from bnstats.corrections import Correction, correction_of
from bnstats.sampling.effects import Effect
from bnstats.simulation.options import RunOptions, run_options
from bnstats.simulation.run import run
from bnstats.studies.batch_effects.arguments import check
from bnstats.studies.batch_effects.result import Corrected
from bnstats.studies.batch_effects.study import CorrectionStudy

MEASURES = ("rmse", "correlation", "accuracy", "training_accuracy", "bias")
LABELS = ("nuisance", "signal")
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
    design: str | Sequence[str] = "balanced",
    measures: Sequence[str] = MEASURES,
    new_batches: int = 5,
    refit: bool = True,
    features: int = 1,
    noise: float = 0.2,
    ticks: int = 4,
    **options: Unpack[RunOptions],
) -> Corrected:
    """Measure what correcting for the batch, or for drift, does to a signal and to what is learned from it.

    A row is seen as signal + noise + effect of its batch or time. Its label is 1 where the signal is above 0.

    Parameters
    ----------
    corrections : names in `CORRECTIONS`, or `Correction`
        All see the same rows.
    effect : name in `EFFECTS`, Effect, or several
        "distinct" by batch; "random_walk", "sinusoid" or "trend" over time.
    effect_size : float or several
        tau / sigma: standard deviation of the effects over that of the rows within a batch.
    smoothness : float in [0, 1] or several
        Share of the effect's variance that is continuous in time, the rest being distinct by batch; an effect that is
        distinct already has none.
    batch_sizes : int of at least 2, or several
    batches : even int of at least 4
        On which corrections and the downstream model are fitted.
    labels : {"nuisance", "signal"} or both
        Whether the effect is a nuisance, or a part of the signal: labels follow the value within the batch, or the
        value with the batch's difference.
    design : {"balanced", "confounded"} or both
        Confounded: signals differ between the batches too, higher by 0.67 standard deviations in the half of them with
        the higher effects, lower in the others, so that 3 in 4 labels are 1 there, and 1 in 4. Not so in new batches.
    measures : names
        rmse: of corrected rows, about what a perfect correction makes of them, up to a shift common to all rows.
        correlation: of corrected rows with the signal. accuracy: of a logistic model fitted on corrected rows, on new
        batches, each corrected as it comes; training_accuracy: on its own rows. bias: of the difference between the
        means of rows of label 1 and 0, in units of sigma.
    new_batches : int
        After the fitted ones, with effects that go on.
    refit : bool
        Whether corrections along time go on with all rows so far, those of the new batch among them; else those that
        say something of new times are applied as they were fitted.
    features : int
        Each with its own signal, noise and effect; labels follow their sum. ComBat needs two or more.
    noise : float
        Share of the variance within a batch that is noise.
    ticks : int
        Distinct times within a batch, at most its size, in which windows along time are counted.
    **options : RunOptions
        A replicate is a set of `batches` batches and their followers. No precision is asked of a bias.

    Returns
    -------
    Corrected

    Notes
    -----
    Targets: each measure's expectation over effects, signal and noise. With J batches of n, effects of variance tau²
    and sigma = 1, the mean squared error is (1 - 1/J) times tau² of no correction, 1/n of centering, and at best
    tau² (1/n) / (tau² + 1/n) of shrinking; where effects belong to the signal it is 0, tau² + 1/n, and between. Exact
    values stand beside rmse for these, for shrinking with estimated variances, and for all corrections that are linear,
    up to 1024 rows; beside bias for those that are linear.

    Examples
    --------
    >>> c = measure_correction(["none", "center"], batch_sizes=[4], measures=["rmse"])
    >>> c.table["exact"].round(3).tolist()
    [0.975, 0.487]
    >>> c.regions()[["winner", "runner_up", "clear"]].values.tolist()
    [['center', 'none', True]]
    """
    study = CorrectionStudy(
        effect=tuple(Effect.of(e) for e in several("effect", effect)),
        effect_size=each("effect_size", effect_size, lambda t: number("each of effect_size", t, "[0, inf)")),
        smoothness=each("smoothness", smoothness, lambda s: share("each of smoothness", s)),
        batch_size=batch_sizes_of("batch_sizes", batch_sizes),
        labels=choices("labels", labels, LABELS),
        design=choices("design", design, DESIGNS),
        corrections=tuple(correction_of(c) for c in several("corrections", corrections)),
        batches=whole("batches", batches, 4),
        new_batches=whole("new_batches", new_batches, 1),
        refit=flag("refit", refit),
        features=whole("features", features, 1),
        noise=number("noise", noise, "[0, 1)", "a share of the variance"),
        ticks=whole("ticks", ticks, 1),
        measures=choices("measures", measures, MEASURES),
    )
    check(study)
    simulation = run(study, **options)
    return Corrected(simulation.table, simulation)
