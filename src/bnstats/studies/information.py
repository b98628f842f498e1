"""What normalising by the own batch leaves: how much of a label can still be told, and what a normalised value means.

z = (x - batch mean) / batch standard deviation (ddof 0) of a member x of a batch of n. Where all members are equal,
z is 0, as it is with any eps > 0 under the root.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import special, stats

from bnstats.sampling.populations import Population
from bnstats.simulation.run import run
from bnstats.simulation.streams import digest, stream
from bnstats.simulation.study import Cell, Study
from bnstats.statistics import theory

Array = NDArray[np.float64]
Labels = tuple[float, ...] | Callable[[Array], NDArray[Any]]

SIZES = tuple(2**k for k in range(1, 13))
# Draws in a block of replicates, and in the sample that a rule is learned from.
BLOCK = 2**17
TRAINING = 2**21
# Intervals of z with a belief of their own: of a learned rule, each as likely; of the exact one, so fine that accuracy
# and bits differ from those of the continuous rule by less than 1e-5 up to batches of 2^16.
LEARNED_BINS = 512
EXACT_BINS = 2**13


def normalized(batches: Array) -> tuple[Array, Array, Array]:
    """Members normalised by their own batch, and each batch's mean and standard deviation (ddof 0); batches in rows.

    >>> z, mean, std = normalized(np.array([[90.0, 80.0, 70.0], [60.0, 60.0, 60.0]]))
    >>> z.round(2).tolist(), mean.ravel().tolist()
    ([[1.22, 0.0, -1.22], [0.0, 0.0, 0.0]], [80.0, 60.0])
    """
    # Measured from the first member, so that equal members give exactly 0 and a large mean costs no digits.
    deviation = batches - batches[:, :1]
    offset = deviation.mean(axis=1, keepdims=True)
    deviation -= offset
    std = np.sqrt(np.mean(deviation**2, axis=1, keepdims=True))
    return deviation / np.where(std > 0, std, 1.0), batches[:, :1] + offset, std


@dataclass(frozen=True)
class Rule:
    """What is believed of the label, for each interval of z.

    Attributes
    ----------
    edges : array, shape (intervals - 1,)
    belief : array, shape (intervals, classes)
        Probability of each class.
    classes : int array, shape (classes,)
        Their labels.
    prior : array, shape (classes,)
        Their probabilities before z is known.
    """

    edges: Array
    belief: Array
    classes: NDArray[np.int64]
    prior: Array

    def __call__(self, z: Array) -> Array:
        """Beliefs, shape (*z.shape, classes). Seven decimals of z are used: rounding errors must not tell anything."""
        return self.belief[np.searchsorted(self.edges, np.round(z, 7), side="right")]


@lru_cache(maxsize=256)
def _normal_beliefs(cuts: tuple[float, ...], n: int) -> tuple[Array, Array, Array]:
    """Values of z, their probabilities, and the classes' probabilities given each, of N(0, 1).

    By Basu's theorem z is independent of the batch's mean N / sqrt(n) and standard deviation chi(n - 1) / sqrt(n), so
    P(x < c | z) = E Phi(c sqrt(n) - z chi): a tail of the noncentral t distribution. z² / (n - 1) has the law
    Beta(1/2, (n - 2)/2) (Thompson 1935), that is z = sqrt(n - 1) sin(angle) with a density of cos(angle)^(n - 3).
    """
    if n == 2:
        z, weight = np.array([-1.0, 1.0]), np.array([0.5, 0.5])
    else:
        widest = np.arcsin(min(1.0, 7 / np.sqrt(n - 1)))  # |z| > 7 is rarer than 1e-11
        angle = ((np.arange(EXACT_BINS) + 0.5) / EXACT_BINS * 2 - 1) * widest
        z, weight = np.sqrt(n - 1) * np.sin(angle), np.cos(angle) ** (n - 3)
    chi = stats.chi(n - 1)
    low, high = chi.ppf(1e-15), chi.isf(1e-15)
    node, share = np.polynomial.legendre.leggauss(48)
    spread = low + (high - low) * (node + 1) / 2
    share = share * chi.pdf(spread)
    below = [special.ndtr(c * np.sqrt(n) - z[:, None] * spread) @ share / share.sum() for c in cuts]
    belief = np.diff(np.stack([np.zeros_like(z), *below, np.ones_like(z)]), axis=0).T
    return z, weight / weight.sum(), np.clip(belief, 1e-16, 1.0)


def _standard(population: Population, cuts: tuple[float, ...]) -> tuple[float, ...]:
    return tuple((c - population.mean) / population.std for c in cuts)


def exact_information(population: Any, cuts: Sequence[float], batch_size: int) -> tuple[float, float]:
    """Accuracy of the best rule for the class of x given z, and bits that z holds on it, if x is normal; else nan.

    Parameters
    ----------
    population : whatever `Population.of` takes
    cuts : increasing floats
        Class k holds the values of at least k of the cuts.
    batch_size : int

    Examples
    --------
    In a batch of two, z tells which value is the larger; for the sign of x that is right three times in four.

    >>> accuracy, bits = exact_information("normal", [0.0], 2)
    >>> round(accuracy, 9), round(bits, 9)
    (0.75, 0.188721876)
    """
    population, cuts = Population.of(population), _cuts(cuts)
    if population.identity[0] != "norm":
        return np.nan, np.nan
    _, weight, belief = _normal_beliefs(_standard(population, cuts), batch_size)
    entropy = special.entr(belief).sum(axis=1) / np.log(2)
    return float(weight @ belief.max(axis=1)), _entropy(_prior(population, cuts)[1]) - float(weight @ entropy)


def _entropy(chance: Array) -> float:
    return float(special.entr(chance).sum() / np.log(2))


def _label(labels: Labels, x: Array) -> NDArray[np.int64]:
    if isinstance(labels, tuple):
        return np.searchsorted(labels, x, side="right")
    given = np.asarray(labels(x))
    if given.shape != x.shape or not np.issubdtype(given.dtype, np.integer):
        raise ValueError(
            f"labels is a function from an array to whole numbers of the same shape {x.shape}; it gave {given.dtype} "
            f"of shape {given.shape}."
        )
    return given


def _prior(population: Population, labels: Labels) -> tuple[NDArray[np.int64], Array]:
    """The classes and their probabilities; of a distribution with labels by a function, to within about 1e-5."""
    if population.values is None and isinstance(labels, tuple):
        below = population.law.cdf(np.nextafter(labels, -np.inf))
        return np.arange(len(labels) + 1), np.diff([0.0, *below, 1.0])
    values = population.values if population.values is not None else population.quantiles(2**16).values
    assert values is not None
    classes, counts = np.unique(_label(labels, values), return_counts=True)
    return classes, counts / values.size


@dataclass(frozen=True)
class _Lesson:
    """What a rule is learned for; two of them are equal if their content is."""

    population: Population = field(compare=False)
    labels: Labels = field(compare=False)
    batch_size: int
    seed: int
    content: str

    @staticmethod
    def of(population: Population, labels: Labels, batch_size: int, seed: int) -> _Lesson:
        return _Lesson(population, labels, batch_size, seed, digest({"population": population, "labels": labels}))

    def batches(self) -> Array:
        rng = stream(self.seed, {"learn": self.content, "batch_size": self.batch_size}, 0)
        batches = np.empty((max(1, TRAINING // self.batch_size), self.batch_size))
        self.population.fill(rng, batches)
        return batches


_one_at_a_time = Lock()


def _rule(lesson: _Lesson) -> Rule:
    # Threads that need the same rule wait for the first of them, not learn it twice.
    with _one_at_a_time:
        return _made_rule(lesson)


@lru_cache(maxsize=64)
def _made_rule(lesson: _Lesson) -> Rule:
    """The exact rule of a normal population with cuts; of any other, class frequencies in intervals of z."""
    population, labels = lesson.population, lesson.labels
    classes, prior = _prior(population, labels)
    if isinstance(labels, tuple) and population.identity[0] == "norm":
        z, _, belief = _normal_beliefs(_standard(population, labels), lesson.batch_size)
        return Rule((z[1:] + z[:-1]) / 2, belief, classes, prior)
    batches = lesson.batches()
    z = np.round(normalized(batches)[0].ravel(), 7)
    chance = np.arange(1, LEARNED_BINS) / LEARNED_BINS
    edges = np.unique(np.quantile(z[: 2**17], chance, method="inverted_cdf"))
    place = np.searchsorted(edges, z, side="right") * len(classes) + _index(classes, _label(labels, batches.ravel()))
    counts = np.bincount(place, minlength=(len(edges) + 1) * len(classes)).reshape(-1, len(classes))
    belief = (counts + prior) / (counts.sum(axis=1, keepdims=True) + 1)
    return Rule(edges, belief, classes, prior)


def _index(classes: NDArray[np.int64], label: NDArray[np.int64]) -> NDArray[np.int64]:
    place = np.minimum(np.searchsorted(classes, label), len(classes) - 1)
    if not np.array_equal(classes[place], label):
        raise ValueError(
            f"labels gave {np.setdiff1d(label, classes)[0]}, a class rarer than 1 in 65536; merge it with another."
        )
    return place


@dataclass(frozen=True)
class InformationStudy(Study):
    """One member of each batch, whose label is told from z by a rule. See `measure_information`."""

    grid: ClassVar[tuple[str, ...]] = ("batch_sizes",)

    population: Population
    labels: Labels
    batch_sizes: tuple[int, ...]
    seed: int = 0
    """Of the sample that rules are learned from; its streams are none of those of the replicates."""

    def cells(self) -> list[dict[str, Any]]:
        return [{"batch_size": n} for n in self.batch_sizes]

    def size(self, cell: Cell) -> int:
        # In large batches misses are rare: at a first look after fewer replicates there may be none, and no error seen.
        n = int(cell["batch_size"])
        return max(BLOCK // n, min(256, 2**22 // n), 1)

    def draws(self, cell: Cell) -> int:
        return int(cell["batch_size"])

    def simulate(self, cell: Cell, rng: Generator, size: int) -> dict[str, NDArray[Any]]:
        rule = _rule(_Lesson.of(self.population, self.labels, cell["batch_size"], self.seed))
        batches = np.empty((size, cell["batch_size"]))
        self.population.fill(rng, batches)
        label = _index(rule.classes, _label(self.labels, batches[:, 0].copy()))
        belief = rule(normalized(batches)[0][:, 0])
        # E log2(belief / prior) = H(label) - cross entropy, with far less noise than log2(belief) alone.
        bits = np.log2(belief[np.arange(size), label] / rule.prior[label])
        return {"accuracy": belief.argmax(axis=1) == label, "bits": bits}

    def exact(self, cell: Cell, key: Any, measure: str) -> float:
        if not isinstance(self.labels, tuple):
            return np.nan
        accuracy, bits = exact_information(self.population, self.labels, cell["batch_size"])
        return accuracy if key == "accuracy" else bits


@dataclass(frozen=True)
class Information:
    """How much of a label a normalised value holds.

    Attributes
    ----------
    table : DataFrame
        batch_size, measure (accuracy, bits), value, mcse, exact, replicates, reached. See `Simulation`.
    guess : float
        Accuracy without looking: the share of the most frequent class.
    entropy : float
        Bits of the label itself: all there is to know.
    """

    table: pd.DataFrame
    guess: float
    entropy: float


def measure_information(
    population: Any,
    *,
    labels: Sequence[float] | Callable[[Array], NDArray[Any]],
    batch_sizes: Sequence[int] = SIZES,
    precision: float | None = 0.01,
    max_replicates: int = 1_000_000,
    seed: int = 0,
    executor: Executor | int | None = None,
    store: str | Path | None = None,
    progress: bool | None = None,
) -> Information:
    """Measure how much of its label is left in a value that was normalised by its own batch.

    Parameters
    ----------
    population : whatever `Population.of` takes
        Of the raw values, drawn independently. Needs a finite variance.
    labels : increasing floats, or callable
        Cuts between classes (a value equal to a cut belongs to the class above), or a function from an array of raw
        values to an array of whole numbers.
    batch_sizes : ints of at least 2
    precision : float, optional
        Relative Monte Carlo standard error to reach in every number.
    max_replicates, seed, executor, store, progress
        See `bnstats.run`. A replicate is a batch, of which one member is used.

    Returns
    -------
    Information

    Notes
    -----
    For a normal population with cuts, the rule is Bayes' and exact values stand beside the estimates. For all else the
    rule is learned: class frequencies in 512 intervals of z, from 2^21 draws that serve no other purpose. Its accuracy,
    and its bits H(label) - cross entropy, are reached and so are lower bounds of what the best rule reaches; of five
    classes of a normal population they miss less than 0.0002 and 0.001 bits.

    Examples
    --------
    >>> information = measure_information("normal", labels=[0.0], batch_sizes=[2, 64])
    >>> information.table.query("measure == 'accuracy'")["exact"].round(3).tolist()
    [0.75, 0.96]
    >>> information.guess, information.entropy
    (0.5, 1.0)
    """
    population = _checked_population(population)
    labels = labels if callable(labels) else _cuts(labels)
    _, prior = _prior(population, labels)
    if np.count_nonzero(prior) < 2:
        raise ValueError(f"labels give one class only on population {population.name}; give two or more to tell apart.")
    study = InformationStudy(population, labels, _batch_sizes(batch_sizes), seed)
    simulation = run(
        study,
        precision=precision,
        max_replicates=max_replicates,
        seed=seed,
        executor=executor,
        store=store,
        progress=progress,
    )
    return Information(simulation.table, float(prior.max()), _entropy(prior))


@dataclass(frozen=True)
class RawBehindStudy(Study):
    """The raw value that z stands for in a batch of which a member has that z. See `measure_raw_behind`."""

    summaries: ClassVar[tuple[str, ...]] = ("bias", "se")
    key_columns: ClassVar[tuple[str, ...]] = ("variable",)
    grid: ClassVar[tuple[str, ...]] = ("batch_sizes",)

    population: Population
    z: float
    batch_sizes: tuple[int, ...]
    width: float

    def cells(self) -> list[dict[str, Any]]:
        return [{"batch_size": n} for n in self.batch_sizes]

    def size(self, cell: Cell) -> int:
        return max(16, BLOCK // 8 // int(cell["batch_size"]))

    def draws(self, cell: Cell) -> int:
        return int(cell["batch_size"])

    def simulate(self, cell: Cell, rng: Generator, size: int) -> dict[str, Array]:
        batches = np.empty((size, cell["batch_size"]))
        kept: list[Array] = []
        for _ in range(1000):
            self.population.fill(rng, batches)
            z, mean, std = normalized(batches)
            fits = np.abs(z[:, 0] - self.z) <= (self.width if self.population.identity[0] != "norm" else np.inf)
            kept.append((mean + std * self.z)[fits, 0])
            if sum(map(len, kept)) >= size:
                return {"raw": np.concatenate(kept)[:size]}
        raise ValueError(
            f"fewer than 1 in 1000 members of batches of {cell['batch_size']} from {self.population.name} have a "
            f"normalised value within {self.width} of {self.z}; widen width or choose another z."
        )

    def origin(self, cell: Cell, key: Any) -> float:
        return self.population.mean

    def exact(self, cell: Cell, key: Any, measure: str) -> float:
        n = cell["batch_size"]
        mean, std = theory.raw_behind(self.population, self.z * np.sqrt((n - 1) / n), n)
        return mean - self.population.mean if measure == "bias" else std


@dataclass(frozen=True)
class RawBehind:
    """The law of the raw value behind a normalised one.

    Attributes
    ----------
    table : DataFrame
        batch_size, measure (raw_mean, raw_sd), value, mcse, exact, replicates, reached. See `Simulation`.
    """

    table: pd.DataFrame


def measure_raw_behind(
    population: Any,
    z: float = 0.0,
    *,
    batch_sizes: Sequence[int] = SIZES[1:],
    width: float = 0.1,
    precision: float | None = 0.01,
    max_replicates: int = 1_000_000,
    seed: int = 0,
    executor: Executor | int | None = None,
    store: str | Path | None = None,
    progress: bool | None = None,
) -> RawBehind:
    """Measure mean and standard deviation of the raw value behind a normalised value z.

    Parameters
    ----------
    population : whatever `Population.of` takes
        Of the raw values, drawn independently. Needs a finite variance.
    z : float
        Less than sqrt(n - 1) in size, the largest that a batch of n allows.
    batch_sizes : ints of at least 3
        In a batch of two, z is -1 or +1 whatever the values, or 0 if they are equal.
    width : float
        Batches are taken of which one given member has a normalised value within `width` of z. It makes no difference
        to a normal population, of which all are taken: z is independent of mean and standard deviation (Basu).
    precision : float, optional
        Monte Carlo standard error to reach, relative to the raw value's spread about the population's mean.
    max_replicates, seed, executor, store, progress
        See `bnstats.run`. A replicate is a batch that was taken, and in it the value mean + z std.

    Returns
    -------
    RawBehind

    Examples
    --------
    >>> behind = measure_raw_behind("normal", 0.0, batch_sizes=[4, 64])
    >>> behind.table.query("measure == 'raw_sd'")["exact"].tolist()
    [0.5, 0.125]
    """
    population = _checked_population(population)
    sizes = _batch_sizes(batch_sizes)
    if not np.isfinite(z) or abs(z) >= theory.normalized_member_bound(min(sizes)) or min(sizes) == 2:
        raise ValueError(
            f"batches of {min(sizes)} have no range of normalised values around z={z}: batch sizes are at least 3, and "
            "|z| is below sqrt(batch size - 1)."
        )
    if not width > 0:
        raise ValueError(f"width is a distance from z, above 0; got {width}.")
    simulation = run(
        RawBehindStudy(population, float(z), sizes, float(width)),
        precision=precision,
        max_replicates=max_replicates,
        seed=seed,
        executor=executor,
        store=store,
        progress=progress,
    )
    table = simulation.table.drop(columns="variable")
    from_mean = table["measure"] == "bias"
    table.loc[from_mean, ["value", "exact"]] += population.mean
    table["measure"] = np.where(from_mean, "raw_mean", "raw_sd")
    return RawBehind(table)


def _cuts(given: Any) -> tuple[float, ...]:
    cuts = np.atleast_1d(np.asarray(given, dtype=np.float64))
    if cuts.ndim != 1 or not cuts.size or not np.isfinite(cuts).all() or (np.diff(cuts) <= 0).any():
        raise ValueError(f"labels are increasing finite cuts, or a function; got {given!r}.")
    return tuple(cuts.tolist())


def _checked_population(source: Any) -> Population:
    population = Population.of(source)
    if not 0 < population.var < np.inf:
        raise ValueError(
            f"population {population.name} has variance {population.var}, nothing to normalise by; give one with a "
            "finite variance above 0."
        )
    return population


def _batch_sizes(given: Sequence[int]) -> tuple[int, ...]:
    sizes = tuple(given)
    wrong = [n for n in sizes if isinstance(n, bool) or n != int(n) or n < 2]
    if wrong or not sizes:
        raise ValueError(f"batch_sizes are whole numbers of at least 2, at least one of them; got {given!r}.")
    return tuple(int(n) for n in sizes)
