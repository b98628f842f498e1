"""Evidence from small networks: each replicate is a network with weights, batches and rows of its own."""

from __future__ import annotations

from functools import cache

from bnstats.claims.evidence import Measures
from bnstats.datasets.dataset import Dataset
from bnstats.datasets.row_batching import RowBatching, Shuffled
from bnstats.datasets.shifts import Shift
from bnstats.networks.normalizers.normalizer import Normalizer
from bnstats.networks.recipe import Recipe
from bnstats.studies.mismatch.evaluation import Kind, name_of
from bnstats.studies.mismatch.study import MismatchStudy

ROWS = 16_000
BOTH = ("batch", "running")


@cache
def networks(
    dataset: Dataset | str = "digits",
    normalizer: str | Normalizer = "batch",
    *,
    batch_size: int,
    batching: RowBatching = Shuffled(),
    hidden: tuple[int, ...] = (32,),
    learning_rate: float | None = None,
    steps: int | None = None,
    shift: Shift | None = None,
    test_batching: RowBatching | None = None,
    test_batch_size: int | None = None,
    statistics: tuple[Kind, ...] = BOTH,
) -> MismatchStudy:
    """Networks trained in one way and tested in one way.

    By default they see 16 000 rows, at a learning rate that is proportional to the batch size, 0.3 at 32 rows and at
    most 1 (Goyal et al. 2017), and are tested in batches drawn as those of training.
    """
    recipe = Recipe(hidden, Normalizer.of(normalizer), learning_rate=learning_rate or min(0.3 * batch_size / 32, 1.0))
    return MismatchStudy(
        dataset=Dataset.of(dataset),
        recipes=(recipe,),
        batchings=(batching,),
        batch_sizes=(batch_size,),
        steps=steps,
        rows=None if steps else ROWS,
        shifts=(shift,),
        test_batchings=None if test_batching is None else (test_batching,),
        test_batch_sizes=None if test_batch_size is None else (test_batch_size,),
        statistics=statistics,
    )


def accuracy(study: MismatchStudy, statistics: Kind) -> Measures:
    """Share of test rows that networks get right with this kind of statistics, between 0 and 1."""
    (condition,) = study.conditions(study.cells()[0])
    return Measures(((study, (*condition.key, name_of(statistics), "accuracy"), 1.0),))
