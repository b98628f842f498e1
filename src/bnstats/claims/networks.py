"""Evidence from small networks: each replicate is a network with weights, batches and rows of its own.

The networks of all claims have common random numbers: a difference of two ways to train is one of pairs, whose networks
begin with the same weights and see the same rows.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from functools import cache, partial
from typing import Any

from bnstats._checks.arguments import checked
from bnstats._checks.numbers import batch_size, count, interval
from bnstats._checks.values import instance, optional
from bnstats.claims.evidence import PHRASE, Measures
from bnstats.datasets.dataset import Dataset
from bnstats.datasets.row_batching import RowBatching, Shuffled
from bnstats.datasets.shifts import Shift
from bnstats.networks.normalizers.normalizer import Normalizer
from bnstats.networks.recipe import Recipe
from bnstats.studies.mismatch.evaluation import Kind, kind_of, name_of
from bnstats.studies.mismatch.study import MismatchStudy

ROWS = 16_000
BOTH = ("batch", "running")


_batching = partial(instance, wanted=RowBatching, example="bn.Shuffled()")
_shift = partial(instance, wanted=Shift, example="bn.shifts.Noise(0.5)")


def _shifts(name: str, given: Any) -> Any:
    """A shift, several in a tuple, or none."""
    if isinstance(given, tuple) and given:
        return tuple(_shift(f"each of {name}", shift) for shift in given)
    return optional(_shift)(name, given)


@checked(
    batch_size=batch_size,
    batching=_batching,
    learning_rate=optional(interval("(0, inf)")),
    steps=optional(count),
    shift=_shifts,
    test_batching=optional(_batching),
    test_batch_size=optional(batch_size),
)
@dataclass(frozen=True)
class Networks:
    """Networks trained in one way and tested in one way; their data are loaded when the first of them is trained.

    By default they see 16 000 rows, at a learning rate that is proportional to the batch size, 0.3 at 32 rows and at
    most 1 (Goyal et al. 2017), and are tested in batches drawn as those of training. Of several shifts, each network is
    tested under each.
    """

    dataset: Dataset | str = "digits"
    normalizer: str | Normalizer = "batch"
    _: KW_ONLY
    batch_size: int
    batching: RowBatching = Shuffled()
    hidden: tuple[int, ...] = (32,)
    learning_rate: float | None = None
    steps: int | None = None
    shift: Shift | tuple[Shift, ...] | None = None
    test_batching: RowBatching | None = None
    test_batch_size: int | None = None
    statistics: tuple[Kind, ...] = BOTH

    @property
    def shifts(self) -> tuple[Shift | None, ...]:
        """Of the test rows."""
        return self.shift if isinstance(self.shift, tuple) else (self.shift,)

    @property
    def rate(self) -> float:
        """The learning rate."""
        return self.learning_rate or min(0.3 * self.batch_size / 32, 1.0)

    @property
    def scope(self) -> str:
        """The data, the networks and their training, in phrases."""
        data = self.dataset
        name = data if isinstance(data, str) else f"{data.name} of {data.classes} classes and {data.inputs} inputs"
        seen = f"{ROWS} rows seen" if self.steps is None else f"{self.steps} steps"
        layers = " and ".join(map(str, self.hidden))
        kind = Normalizer.of(self.normalizer).name
        how = "" if self.batching == Shuffled() else f" ({self.batching})"
        trained = f"normalizer {kind}, learning rate {self.rate:.3g}, batches of {self.batch_size}{how}"
        return PHRASE.join([name, f"hidden units: {layers}", seen, trained])


@cache
def _study(networks: Networks) -> MismatchStudy:
    recipe = Recipe(networks.hidden, Normalizer.of(networks.normalizer), learning_rate=networks.rate)
    return MismatchStudy(
        dataset=Dataset.of(networks.dataset),
        recipes=(recipe,),
        batchings=(networks.batching,),
        batch_sizes=(networks.batch_size,),
        steps=networks.steps,
        rows=None if networks.steps else ROWS,
        shifts=networks.shifts,
        test_batchings=None if networks.test_batching is None else (networks.test_batching,),
        test_batch_sizes=None if networks.test_batch_size is None else (networks.test_batch_size,),
        statistics=networks.statistics,
        common_random_numbers=True,
    )


@dataclass(frozen=True)
class Accuracy:
    """Share of test rows that networks get right with this kind of statistics, as a source of evidence."""

    networks: Networks
    statistics: Kind
    shift: Shift | None = None

    @property
    def scope(self) -> str:
        return self.networks.scope + ("" if self.shift is None else f"{PHRASE}{self.shift}")

    @property
    def study(self) -> MismatchStudy:
        return _study(self.networks)

    @property
    def key(self) -> tuple[Any, ...]:
        evaluations = self.study.evaluations(self.study.conditions()[0])
        (evaluation,) = (one for one in evaluations if one.shift == self.shift)
        return (*evaluation.key, name_of(self.statistics), "accuracy")


@checked(
    networks=partial(instance, wanted=Networks, example="bn.claims.Networks(batch_size=32)"),
    statistics=lambda _, given: kind_of(given),
    shift=_shifts,
)
def accuracy(networks: Networks, statistics: Kind, shift: Shift | tuple[Shift, ...] | None = None) -> Measures:
    """Share of test rows that networks get right with this kind of statistics, between 0 and 1.

    Parameters
    ----------
    networks : Networks
    statistics : name of a kind of statistics, or Adaptation
    shift : Shift or several, optional
        Of those of the networks; of several, it is the mean. By default all.
    """
    shifts = networks.shifts if shift is None else shift if isinstance(shift, tuple) else (shift,)
    if missing := [one for one in shifts if one not in networks.shifts]:
        raise ValueError(f"shift is one that the networks are tested under: {networks.shifts}; got {missing[0]}.")
    return Measures(tuple((Accuracy(networks, statistics, one), 1 / len(shifts)) for one in shifts))
