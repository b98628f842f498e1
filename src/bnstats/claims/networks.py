"""Evidence from small networks: each replicate is a network with weights, batches and rows of its own.

The networks of all claims have common random numbers. A difference between two ways of training is therefore paired:
both networks of a pair begin with the same weights and see the same rows.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from functools import cache, partial
from typing import Any

from bnstats._checks.arguments import checked
from bnstats._checks.numbers import batch_size, count, interval
from bnstats._checks.values import each, instance, optional
from bnstats.claims.evidence import PHRASE, LaterMeasure, Measures
from bnstats.datasets.dataset import Dataset, dataset_or_name
from bnstats.datasets.row_batching import RowBatching, Shuffled
from bnstats.datasets.shifts import Shift
from bnstats.networks.normalizers.normalizer import Normalizer
from bnstats.networks.recipe import Recipe, hidden_units
from bnstats.studies.mismatch.evaluation import Evaluation, Kind, kind_of, name_of
from bnstats.studies.mismatch.study import MismatchStudy

ROWS = 16_000
BOTH = ("batch", "running")


_batching = partial(instance, required=RowBatching, example="bn.Shuffled()")
_shift = partial(instance, required=Shift, example="bn.shifts.Noise(0.5)")


def _shifts(name: str, given: Any) -> Any:
    """Return a shift, a tuple of shifts or None; raise ValueError otherwise."""
    if isinstance(given, tuple) and given:
        return tuple(_shift(f"each of {name}", shift) for shift in given)
    return optional(_shift)(name, given)


def _normalizer(_: str, given: Any) -> str | Normalizer:
    """Return a normalizer, or its name as given, which stands in the claim's scope."""
    found = Normalizer.of(given)
    return given if isinstance(given, str) else found


def _kinds(name: str, given: Any) -> tuple[Kind, ...]:
    return each(name, given, kind_of)


@checked(
    dataset=dataset_or_name,
    normalizer=_normalizer,
    hidden=hidden_units,
    statistics=_kinds,
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
    """Networks that are trained and tested in one way.

    The data are loaded when the first network is trained. By default, each network sees 16 000 training rows.

    Parameters
    ----------
    dataset : Dataset or str
        Data to train on and test on.
    normalizer : str or Normalizer
        Normalizer of the hidden layers.
    batch_size : int
        Number of rows in a training batch.
    batching : RowBatching
        Rule by which training batches are drawn.
    hidden : tuple of int
        Units of each hidden layer.
    learning_rate : float, optional
        By default proportional to the batch size, 0.3 at 32 rows, and at most 1 (Goyal et al. 2017).
    steps : int, optional
        Training steps; by default as many as see 16 000 rows.
    shift : Shift or tuple of Shift, optional
        Shifts of the test rows; each network is tested under each shift.
    test_batching : RowBatching, optional
        Rule by which test batches are drawn; by default the rule of training.
    test_batch_size : int, optional
        Number of rows in a test batch; by default the size in training.
    statistics : tuple of str or Adaptation
        Kinds of statistics that the networks are tested with.

    Examples
    --------
    >>> Networks("digits", batch_size=16).rate
    0.15
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
        """Shifts of the test rows; None stands for no shift."""
        return self.shift if isinstance(self.shift, tuple) else (self.shift,)

    @property
    def rate(self) -> float:
        """Learning rate, given or proportional to the batch size."""
        return self.learning_rate or min(0.3 * self.batch_size / 32, 1.0)

    @property
    def scope(self) -> str:
        """Data, networks and training, in phrases separated by semicolons."""
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


def score(networks: Networks, statistics: Kind, *shifts: Shift | None, metric: str = "accuracy") -> Measures:
    """Return evidence of a score of networks with one kind of statistics, as the mean over shifts of the test rows."""
    batching, size = networks.test_batching or networks.batching, networks.test_batch_size or networks.batch_size
    terms = []
    for shift in shifts or (None,):
        key = (*Evaluation(shift, batching, size).key, name_of(statistics), metric)
        scope = networks.scope + ("" if shift is None else f"{PHRASE}{shift}")
        terms.append((LaterMeasure(partial(_study, networks), key, scope), 1 / max(len(shifts), 1)))
    return Measures(tuple(terms))


@checked(
    networks=partial(instance, required=Networks, example="bn.claims.Networks(batch_size=32)"),
    statistics=lambda _, given: kind_of(given),
    shift=_shifts,
)
def accuracy(networks: Networks, statistics: Kind, shift: Shift | tuple[Shift, ...] | None = None) -> Measures:
    """Return evidence of the accuracy of networks on test rows, a proportion between 0 and 1.

    Parameters
    ----------
    networks : Networks
        Networks to test.
    statistics : str or Adaptation
        Kind of statistics that the networks are tested with.
    shift : Shift or tuple of Shift, optional
        Shifts of the networks, by default all; the accuracy is the mean over these shifts.

    Returns
    -------
    Measures
        Accuracy of each network.

    Raises
    ------
    ValueError
        If the networks are not tested under a given shift.

    Examples
    --------
    >>> accuracy(Networks("digits", batch_size=16), "running").scope
    'digits; hidden units: 32; 16000 rows seen; normalizer batch, learning rate 0.15, batches of 16'
    """
    if statistics not in networks.statistics:
        known = ", ".join(map(name_of, networks.statistics))
        raise ValueError(f"statistics is one that the networks are tested with: {known}; got {name_of(statistics)}.")
    shifts = networks.shifts if shift is None else shift if isinstance(shift, tuple) else (shift,)
    if missing := [one for one in shifts if one not in networks.shifts]:
        raise ValueError(f"shift is one that the networks are tested under: {networks.shifts}; got {missing[0]}.")
    return score(networks, statistics, *shifts)
