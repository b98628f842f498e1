"""Claims that published signs hold in small networks: which of two ways is better, and not by how much."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bnstats.claims.claim import Claim, Region
from bnstats.claims.entries.remedies import renorm
from bnstats.claims.evidence import Measures
from bnstats.claims.grounds import Bounded
from bnstats.claims.networks import ROWS, Networks, accuracy
from bnstats.claims.published import accuracy_gain
from bnstats.datasets.row_batching import ClassBalanced, Correlated
from bnstats.datasets.shifts import Contrast, Noise, Shift
from bnstats.networks.adaptation import Mixed
from bnstats.networks.normalizers.ghost import Ghost

# Networks of each kind. What was published as half a point at most is hardly seen with any number that is affordable.
MOST, SMALL_GAIN = 2**12, 0.5

Setting = tuple[str, str, str]
"""A published gain: reference, the setting that is ahead, the other one."""


def _claim(name: str, statement: str, reference: str, evidence: Measures, *theirs: float) -> Claim:
    """A claim that a difference has the sign that others published, once or several times."""
    return Claim(
        name,
        f"{statement} (published: {', '.join(f'{gain:+.1f}' for gain in theirs)} points).",
        reference,
        "difference of accuracy on digits, of its published sign",
        Region.above(0.0) if min(theirs) > 0 else Region.below(0.0),
        Bounded(-1, 1),
        evidence,
        most=MOST if min(map(abs, theirs)) > SMALL_GAIN else MOST // 2,
    )


def _small(n: int, normalizer: Any = "batch", statistics: str = "running") -> Measures:
    kinds = (statistics, "running") if statistics != "running" else ("batch", "running")
    return accuracy(Networks("digits", normalizer, batch_size=n, statistics=kinds), statistics)


def _group(n: int) -> Claim:
    theirs = accuracy_gain("Wu & He", f"group norm; {n} images", f"batch norm; {n} images")
    return _claim(
        f"group-norm-at-{n}",
        f"Group normalisation is {'better' if theirs > 0 else 'worse'} than batch normalisation in batches of {n}",
        "Wu & He 2018",
        _small(n, "group") - _small(n),
        theirs,
    )


def _renorm(n: int, setting: str) -> Claim:
    return _claim(
        f"renorm-at-{n}",
        f"Batch renormalization beats batch normalisation in batches of {n}",
        "Ioffe 2017",
        _small(n, renorm(ROWS // n)) - _small(n),
        accuracy_gain("Ioffe", f"{setting}; batch renorm", f"{setting}; batch norm"),
    )


def _few_classes(name: str, statement: str, setting: str, normalizer: Any, mode: str) -> Claim:
    """Against batch normalisation with running statistics, where each batch has two rows of each of five classes."""
    how: dict[str, Any] = {"batch_size": 10, "batching": ClassBalanced(classes=5, each=2)}
    base = accuracy(Networks("digits", **how), "running")
    theirs = accuracy_gain("Ioffe", f"16 labels x 2; {setting}", "16 labels x 2; batch norm; running")
    evidence = accuracy(Networks("digits", normalizer, **how), mode) - base
    return _claim(name, statement, "Ioffe 2017", evidence, theirs)


def _precise(n: int, setting: str) -> Claim:
    return _claim(
        f"precise-statistics-at-{n}",
        f"Precise statistics beat the exponential average after training with batches of {n}",
        "Wu & Johnson 2021",
        _small(n, statistics="precise") - _small(n),
        accuracy_gain("Wu & Johnson", f"{setting}; precise", f"{setting}; exponential"),
    )


def _shifted(
    name: str, statement: str, theirs: Sequence[Setting], shift: Shift, kind: Any = "batch", **how: Any
) -> Claim:
    """Statistics of the test batch, or mixed with it, against running statistics, of the same networks."""
    given: dict[str, Any] = {"test_batch_size": 64} | how
    study = Networks("digits", batch_size=32, shift=shift, statistics=(kind, "running"), **given)
    evidence = accuracy(study, kind) - accuracy(study, "running")
    references = "; ".join(reference for reference, _, _ in theirs)
    return _claim(name, statement, references, evidence, *(accuracy_gain(*setting) for setting in theirs))


CONTRAST, NOISE = Contrast(0.5), Noise(1.0)

CLAIMS = (
    *(_group(n) for n in (2, 4, 8, 16, 32)),
    _claim(
        "batch-norm-32-against-2",
        "Batch normalisation does better in batches of 32 than in batches of 2",
        "Wu & He 2018",
        _small(32) - _small(2),
        accuracy_gain("Wu & He", "batch norm; 32 images", "batch norm; 2 images"),
    ),
    _renorm(4, "iid; microbatch 4"),
    _renorm(32, "iid; batch 32"),
    _claim(
        "renorm-at-2",
        "Batch renormalization beats batch normalisation in batches of 2",
        "Yan et al. 2020",
        _small(2, renorm(ROWS // 2)) - _small(2),
        accuracy_gain("Yan", "batch renorm; batch 2", "batch norm; batch 2"),
    ),
    _few_classes(
        "few-classes-same-structure",
        "With two rows of a few classes a batch, test batches of the same structure beat running statistics",
        "batch norm; statistics of same", "batch", "batch",
    ),
    _few_classes(
        "few-classes-halves",
        "With two rows of a few classes a batch, normalising over halves of a batch is better",
        "batch norm; normalised over half", Ghost(5), "running",
    ),
    _few_classes(
        "few-classes-renorm",
        "With two rows of a few classes a batch, batch renormalization is better",
        "batch renorm; running", renorm(ROWS // 10), "running",
    ),
    _precise(2, "normalization batch 2"),
    _precise(32, "normalization batch 32"),
    _shifted(
        "test-batch-contrast", "With half the contrast lost, statistics of the test rows are better",
        (
            ("Wu & Johnson 2021", "contrast corruption; statistics", "contrast corruption; clean"),
            ("Schneider et al. 2020", "full adaptation", "no adaptation"),
            ("Gong et al. 2022", "iid test stream; test-batch", "iid test stream; running"),
        ),
        CONTRAST,
    ),
    _shifted(
        "test-batch-noise", "Under noise, statistics of the test rows are better",
        (("Wu & Johnson 2021", "gaussian noise; statistics", "gaussian noise; clean"),), NOISE,
    ),
    _shifted(
        "test-batch-low-contrast", "With three quarters of the contrast lost, statistics of the test batch are better",
        (("Wang et al. 2021", "contrast; test-batch", "contrast; source"),), Contrast(0.75),
    ),
    _shifted(
        "mixed-statistics", "Under shift, source statistics mixed with those of batches of 8 are better",
        (("Schneider et al. 2020", "partial adaptation", "no adaptation"),), CONTRAST, Mixed(16), test_batch_size=8,
    ),
    _shifted(
        "correlated-stream", "In a correlated test stream under shift, statistics of the test batch are worse",
        (("Gong et al. 2022", "temporally correlated test stream; test-batch", "iid test stream; running"),), CONTRAST,
        test_batching=Correlated(phi=0.9),
    ),
)  # fmt: skip
