"""Claims that published differences have the same sign in small networks, whatever their sizes.

Each published difference has one experiment. The ledger judges the experiment, and the figure of published signs shows
the verdict. Learning rates are tuned: a few further networks chose them for the figures of remedies and of what breaks
training. A test checks that the rates here are the same, or as good.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from bnstats.claims import Bounded, Measures, Networks, Region, accuracy
from bnstats.claims.builtin.remedies import renorm
from bnstats.claims.networks import ROWS
from bnstats.claims.published import PublishedSign, Setting, accuracy_gain
from bnstats.datasets.dataset import Gaussians
from bnstats.datasets.row_batching import ClassBalanced, Correlated
from bnstats.datasets.shifts import Contrast, Gain, Noise, Offset, Shift
from bnstats.networks.adaptations import Mixed
from bnstats.networks.normalizers.ghost import Ghost
from bnstats.studies.mismatch.evaluation import Kind

# Maximum numbers of networks of each kind. They are smaller for networks that take longer, and for published gains of
# at most half a point, which hardly any affordable number of networks decides.
MOST, MOST_SMALL_GAIN, MOST_SHIFTED, MOST_DEEP, MOST_CLASSES = 2048, 1024, 1024, 512, 192
SMALL_GAIN = 0.5

# Tuned learning rates by normalizer and batch size, for networks with one hidden layer of 64 units, and with three.
RATES = {
    "batch": {2: 0.00625, 4: 0.0375, 8: 0.225, 16: 0.15, 32: 0.9},
    "group": {2: 0.05625, 4: 0.1125, 8: 0.225, 16: 0.45, 32: 0.3},
    "renorm": {2: 0.05625, 4: 0.0375, 32: 0.9},
}
DEEP_RATES = {2: 0.00625, 32: 0.3}
CLASSES_RATE = 0.3
SHALLOW, DEEP = (64,), (64, 64, 64)


def _sign(
    name: str, one: str, other: str, where: str, sources: tuple[Setting, ...], evidence: Measures,
    max_replicates: int = MOST,
) -> PublishedSign:  # fmt: skip
    """Return the claim that accuracy with one method less that with another has its published sign."""
    gains = [accuracy_gain(*source) for source in sources]
    better = min(gains) > 0
    least = min(map(abs, gains))
    return PublishedSign(
        name,
        f"In small networks {where}, accuracy is {'higher' if better else 'lower'} with {one} than with {other}, as "
        f"published for large networks ({', '.join(f'{gain:+.1f}' for gain in gains)} points).",
        "; ".join(dict.fromkeys(reference for reference, _, _ in sources)),
        f"difference in accuracy on test rows: {one} less {other}, {where}",
        Region.above(0.0) if better else Region.below(0.0),
        Bounded(-1, 1),
        evidence,
        max_replicates=max_replicates if least > SMALL_GAIN else min(max_replicates, MOST_SMALL_GAIN),
        sources=sources,
    )


def _digits(n: int, normalizer: str = "batch") -> Measures:
    """Return the accuracy in evaluation mode at the tuned rate for this normalizer and batch size."""
    kind: Any = renorm(ROWS // n) if normalizer == "renorm" else normalizer
    networks = Networks("digits", kind, batch_size=n, hidden=SHALLOW, learning_rate=RATES[normalizer][n])
    return accuracy(networks, "running")


def _group(n: int) -> PublishedSign:
    return _sign(
        f"group-norm-at-{n}",
        "group norm", "batch norm", f"with batches of {n}",
        (("Wu & He 2018", f"group norm; {n} images", f"batch norm; {n} images"),),
        _digits(n, "group") - _digits(n),
    )  # fmt: skip


def _renorm(n: int, source: Setting) -> PublishedSign:
    gain = _digits(n, "renorm") - _digits(n)
    return _sign(f"renorm-at-{n}", "batch renormalization", "batch norm", f"with batches of {n}", (source,), gain)


def _deep(n: int, kind: str) -> Measures:
    """Return the accuracy with one kind of statistics; all kinds are measured on the same networks."""
    how: dict[str, Any] = {"learning_rate": DEEP_RATES[n], "statistics": ("running", "precise", "population")}
    return accuracy(Networks("digits", batch_size=n, hidden=DEEP, **how), kind)


def _statistics(name: str, n: int, one: str, other: str, ahead: str, behind: str) -> PublishedSign:
    source = ("Wu & Johnson 2021", f"normalization batch {n}; {ahead}", f"normalization batch {n}; {behind}")
    names, where = (f"{one} statistics", f"{other} statistics"), f"with batches of {n}"
    return _sign(name, *names, where, (source,), _deep(n, one) - _deep(n, other), MOST_DEEP)


@dataclass(frozen=True)
class PairsOfClasses(ClassBalanced):
    """Batches of `classes` classes with two rows each, one of them in each half of the batch (Ioffe 2017).

    >>> y = np.repeat(np.arange(10), 4)
    >>> y[PairsOfClasses(classes=5).rows(np.random.default_rng(0), y, batch_size=10, steps=1)[0]].reshape(2, 5)
    array([[3, 2, 1, 8, 6],
           [3, 2, 1, 8, 6]])
    """

    rows_per_class: int = 2

    def rows(self, rng: Generator, y: NDArray[np.int64], batch_size: int, steps: int) -> NDArray[np.int64]:
        by_class = super().rows(rng, y, batch_size, steps)
        return by_class.reshape(steps, self.classes, self.rows_per_class).swapaxes(1, 2).reshape(steps, batch_size)


# Batches have as many classes as in Ioffe (2017), out of 100 instead of 1000.
CLASSES = Gaussians(classes=100, inputs=100, separation=6.0, rows=4000, test_rows=1000)


def _classes(normalizer: Any, kind: str) -> Measures:
    networks = Networks(
        CLASSES,
        normalizer,
        batch_size=32,
        batching=PairsOfClasses(classes=16),
        hidden=DEEP,
        learning_rate=CLASSES_RATE,
        steps=2000,
    )
    return accuracy(networks, kind)


def _pairs(name: str, one: str, other: str, setting: str, normalizer: Any, kind: str) -> PublishedSign:
    """Return the claim about a gain over batch norm with running statistics, in batches of class pairs."""
    source = ("Ioffe 2017", f"16 labels x 2; {setting}", "16 labels x 2; batch norm; running")
    evidence = _classes(normalizer, kind) - _classes("batch", "running")
    return _sign(name, one, other, "with few classes a batch", (source,), evidence, MOST_CLASSES)


# One severity of each kind of shift, and a second severity of contrast, which was published on its own.
SHIFTS: tuple[Shift, ...] = (Contrast(0.5), Noise(1.0), Gain(1.0), Offset(1.0))
LOW_CONTRAST = Contrast(0.75)


def _shifted(
    name: str, where: str, sources: tuple[Setting, ...], shifts: tuple[Shift, ...], kind: Kind = "batch",
    one: str = "test-batch statistics", **how: Any,
) -> PublishedSign:  # fmt: skip
    """Return the claim about a gain of adapted statistics over running statistics, as a mean over shifts.

    Adapted statistics are those of the test batch, or a mixture with them. Each network has both.
    """
    given: dict[str, Any] = {"test_batch_size": 64, "shift": SHIFTS} | how
    networks = Networks(
        "digits",
        batch_size=32,
        hidden=SHALLOW,
        learning_rate=RATES["batch"][32],
        statistics=(kind, "running"),
        **given,
    )
    evidence = accuracy(networks, kind, shifts) - accuracy(networks, "running", shifts)
    return _sign(name, one, "running statistics", where, sources, evidence, MOST_SHIFTED)


def _test_batch(name: str, where: str, sources: tuple[Setting, ...], *shifts: Shift) -> PublishedSign:
    return _shifted(name, where, sources, shifts, shift=(*SHIFTS, LOW_CONTRAST))


CLAIMS = (
    *(_group(n) for n in (2, 4, 8, 16, 32)),
    _sign(
        "batch-norm-32-against-2",
        "batches of 32", "batches of 2", "with batch norm",
        (
            ("Wu & He 2018", "batch norm; 32 images", "batch norm; 2 images"),
            ("Yan et al. 2020", "batch norm; batch 32", "batch norm; batch 2"),
        ),
        _digits(32) - _digits(2),
    ),
    _renorm(2, ("Yan et al. 2020", "batch renorm; batch 2", "batch norm; batch 2")),
    _renorm(4, ("Ioffe 2017", "iid; microbatch 4; batch renorm", "iid; microbatch 4; batch norm")),
    _renorm(32, ("Ioffe 2017", "iid; batch 32; batch renorm", "iid; batch 32; batch norm")),
    _pairs(
        "few-classes-same-structure",
        "test-batch statistics", "running statistics",
        "batch norm; statistics of same", "batch", "batch",
    ),
    _pairs(
        "few-classes-halves",
        "batches normalized by halves", "whole batches",
        "batch norm; normalized over half", Ghost(16), "running",
    ),
    _pairs(
        "few-classes-renorm",
        "batch renormalization", "batch norm",
        "batch renorm; running", renorm(2000), "running",
    ),
    _statistics(
        "precise-statistics-at-2", 2, "precise", "running",
        "precise statistics pooled over batches of 2", "exponential",
    ),
    _statistics(
        "population-statistics-at-2", 2, "population", "precise",
        "precise statistics pooled over batches of 1000", "precise statistics pooled over batches of 2",
    ),
    _statistics("precise-statistics-at-32", 32, "precise", "running", "precise", "exponential"),
    _test_batch(
        "test-batch-contrast", "on rows with half of the contrast",
        (("Wu & Johnson 2021", "contrast corruption; statistics", "contrast corruption; clean"),),
        Contrast(0.5),
    ),
    _test_batch(
        "test-batch-low-contrast", "on rows with a quarter of the contrast",
        (("Wang et al. 2021", "contrast; test-batch", "contrast; source"),),
        LOW_CONTRAST,
    ),
    _test_batch(
        "test-batch-noise", "on rows with noise",
        (("Wu & Johnson 2021", "gaussian noise; statistics", "gaussian noise; clean"),),
        Noise(1.0),
    ),
    _test_batch(
        "test-batch-shifts", "on rows with a gain or an offset",
        (
            ("Schneider et al. 2020", "full adaptation", "no adaptation"),
            ("Gong et al. 2022", "iid test stream; test-batch", "iid test stream; running"),
            ("Wang et al. 2021", "test-batch statistics", "source statistics"),
        ),
        Gain(1.0), Offset(1.0),
    ),
    _shifted(
        "mixed-statistics", "on four shifts in test batches of 8",
        (("Schneider et al. 2020", "partial adaptation", "no adaptation"),),
        SHIFTS, Mixed(16), "mixed statistics", test_batch_size=8,
    ),
    _shifted(
        "correlated-stream", "on four shifts in a correlated stream",
        (("Gong et al. 2022", "temporally correlated test stream; test-batch", "iid test stream; running"),),
        SHIFTS, test_batching=Correlated(phi=0.9),
    ),
)  # fmt: skip
