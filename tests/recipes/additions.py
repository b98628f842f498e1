"""One addition of each kind of variant, as CONTRIBUTING's recipes tell: a file, or an entry in one; each also wrong."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Addition:
    """A variant that is added to a copy of the package.

    Attributes
    ----------
    recipe : str
        First words of its recipe in CONTRIBUTING.
    name : str
        Name of the variant, which selects its tests.
    path : str
        File in `src/bnstats`, new unless `before` is given.
    text : str
        Contents of the file, or code that is inserted.
    wrong : pair of str
        Code and a wrong version of it, which tests have to find.
    before : str
        Line before which functions are inserted; the entry is inserted behind it.
    entry : str
        The entry.
    models : tuple of (str, str, str)
        Further entries, in files of tests: the file in `tests`, the line behind which it is inserted, and the entry.
    """

    recipe: str
    name: str
    path: str
    text: str
    wrong: tuple[str, str]
    before: str = ""
    entry: str = ""
    models: tuple[tuple[str, str, str], ...] = ()

    def write(self, package: Path, wrong: bool = False) -> None:
        """Add the variant to a package, or its wrong version."""
        text, entry = self.text, self.entry
        if wrong:
            assert (text + entry).count(self.wrong[0]) == 1, self.name
            text, entry = text.replace(*self.wrong), entry.replace(*self.wrong)
        file = package / self.path
        if self.before:
            known = file.read_text()
            assert known.count(f"\n{self.before}\n") == 1, (self.path, self.before)
            text = known.replace(f"\n{self.before}\n", f"\n{text}{self.before}\n{entry}")
        else:
            assert not file.exists(), self.path
        file.write_text(text)
        for path, line, own in self.models:
            beside = package.parents[1] / "tests" / path
            known = beside.read_text()
            assert known.count(f"\n{line}\n") == 1, (path, line)
            beside.write_text(known.replace(f"\n{line}\n", f"\n{line}\n{own}"))


# A law whose quantiles are not those of its distribution function.
WIDE = """type("W", (stats.rv_continuous,), {"_cdf": lambda _, x: x, "_ppf": lambda _, q: 1.3 * q})(a=0.0, b=1.0)()"""

ADDITIONS = (
    Addition(
        "A correction",
        "median_center",
        "corrections/median_center.py",
        '''"""Batches centered by their medians."""

from functools import partial

import numpy as np

from bnstats._warnings import notify
from bnstats.corrections.correction import Correction


def median_center() -> Correction:
    """Return the correction that moves each batch's median to the mean of all rows."""
    return Correction.made_by(median_center, "batch", False, _medians, ("affine", "by_feature"))


def _medians(groups):
    return partial(_by_median, level=groups.level)


def _by_median(groups, level):
    lone = groups.n[:, 0] == 1
    if lone.any():
        notify(f"{groups.named(lone)} has one row: centering leaves nothing of it.")
    medians = [np.median(groups.x[groups.index == g], axis=0) for g in range(len(groups.n))]
    return np.stack(medians) - level, np.ones_like(groups.mean)
''',
        wrong=('("affine", "by_feature")', '("affine", "by_feature", "equal_means")'),
    ),
    Addition(
        "A batching rule",
        "stratified",
        "sampling/stratified.py",
        '''"""Stratified batches."""

from dataclasses import dataclass

import numpy as np
from scipy import integrate

from bnstats.sampling.batching import Batching


@dataclass(frozen=True)
class Stratified(Batching):
    """One value of each of n strata of equal probability, in random order."""

    def fill(self, population, rng, out):
        batches, n = out.shape
        strata = rng.permuted(np.tile(np.arange(n), (batches, 1)), axis=1)
        out[:] = population.quantile((strata + rng.random(out.shape)) / n)

    def variance_of_mean(self, population, batch_size):
        means = np.diff(_sums(population, batch_size)) * batch_size
        return (population.var - np.var(means)) / batch_size


def _sums(population, n):
    """Integrals of the quantile function up to i/n."""
    if population.values is not None:
        size = population.values.size
        return np.interp(np.arange(n + 1) / n, np.arange(size + 1) / size, np.cumsum([0.0, *population.ordered]) / size)
    ends = np.arange(n + 1) / n
    parts = [integrate.quad(population.quantile, *ends[i : i + 2], limit=200)[0] for i in range(n)]
    return np.cumsum([0.0, *parts])
''',
        wrong=("(population.var - np.var(means))", "population.var"),
    ),
    Addition(
        "A batching rule",
        "systematic",
        "datasets/systematic.py",
        '''"""Stratified batches of labeled rows."""

from dataclasses import dataclass

import numpy as np

from bnstats.datasets.row_batching import RowBatching


@dataclass(frozen=True)
class Systematic(RowBatching):
    """Batches with each class in proportion to its rows, up to a row: a systematic sample of rows sorted by class."""

    def rows(self, rng, y, batch_size, steps):
        self.check(y, batch_size)
        drawn = np.empty((steps, batch_size), np.int64)
        for batch in drawn:
            order = rng.permutation(y.size)
            order = order[np.argsort(y[order], kind="stable")]
            start = rng.random()
            places = (start + np.arange(batch_size)) * y.size / batch_size
            batch[:] = rng.permutation(order[places.astype(np.int64)])
        return drawn
''',
        wrong=("start = rng.random()", "start = 0.0"),
    ),
    Addition(
        "A population",
        "triangular",
        "sampling/named_laws.py",
        "",
        wrong=("stats.triang(0.3)", WIDE),
        before="NAMED: dict[str, Any] = {",
        entry='    "triangular": stats.triang(0.3),\n',
    ),
    Addition(
        "An estimator",
        "gini",
        "statistics/estimators/gini.py",
        '''"""Gini's mean difference."""

import numpy as np
from scipy import integrate

from bnstats.statistics.estimator_theory import Theory
from bnstats.statistics.estimators.estimator import Estimator


def mean_difference(x, axis):
    """Return the mean distance of all pairs of values."""
    ordered = np.sort(np.moveaxis(x, axis, -1), axis=-1)
    n = ordered.shape[-1]
    return ordered @ (2.0 * np.arange(1, n + 1) - n - 1) * 2 / (n * (n - 1))


def mean_difference_of(population):
    """Return the expected distance of two values, 4 times the integral of q(u) (u - 1/2)."""
    if population.values is not None:
        n = population.values.size
        return float(population.ordered @ (2.0 * np.arange(1, n + 1) - n - 1)) * 2 / n**2
    return 4 * integrate.quad(lambda u: population.quantile(u) * (u - 0.5), 0, 1, limit=500, full_output=1)[0]


def _zero(_):
    return 0.0


def _rate(_):
    return -0.5


GINI = Theory(mean_difference_of, _zero, rate=_rate)
ESTIMATORS = (Estimator("gini", mean_difference, mean_difference_of, order=1, theory=GINI),)
''',
        wrong=("* 2 / n**2", "* 2 / (n * (n - 1))"),
    ),
    Addition(
        "An effect",
        "jump",
        "sampling/jump.py",
        '''"""A single jump."""

from dataclasses import dataclass

import numpy as np

from bnstats.sampling.effects import Effect


@dataclass(frozen=True)
class Jump(Effect):
    """A jump after half of the rows, up or down with equal probability."""

    def shift(self, rng, size, batches, n, n_new_batches=0):
        sign = rng.choice([-1.0, 1.0], size=(size, 1))
        return (sign * _step(batches * n, (batches + n_new_batches) * n)).reshape(size, -1, n)

    def root(self, batches, n):
        return _step(batches * n, batches * n)[:, None]


def _step(rows_fitted, rows):
    return np.where(2 * np.arange(rows) < rows_fitted, -1.0, 1.0)
''',
        wrong=(
            "return _step(batches * n, batches * n)[:, None]",
            "return 1.1 * _step(batches * n, batches * n)[:, None]",
        ),
    ),
    Addition(
        "A shift",
        "Inversion",
        "datasets/inversion.py",
        '''"""Inputs with the opposite sign."""

from dataclasses import dataclass

import numpy as np

from bnstats.datasets.shifts import Shift


@dataclass(frozen=True)
class Inversion(Shift):
    """All inputs multiplied by 1 - 2 severity; at 1, they have the opposite sign."""

    label = "inversion"
    max_severity = 1.0

    def apply(self, rng, x, y):
        return x * np.float32(1 - 2 * self.severity), y
''',
        wrong=("np.float32(1 - 2 * self.severity)", "np.float64(1 - 2 * self.severity)"),
    ),
    Addition(
        "A summary",
        "mean_square",
        "simulation/summaries/mcse_of_moments.py",
        """def _mean_square(r: Replicates) -> float:
    return r.central(2) + r.mean**2


def _mean_square_mcse(r: Replicates) -> float:
    mean, second = r.mean, r.central(2)
    if r.all_equal:  # other values may be unseen
        return r.missed * ((abs(mean) + r.value_range) ** 2 - mean**2)
    variance = r.central(4) - second**2 + 4 * mean * r.central(3) + 4 * mean**2 * second
    return float(np.sqrt(variance / r.n))


""",
        wrong=("np.sqrt(variance / r.n)", "np.sqrt(variance / r.n / 4)"),
        before="OF_MOMENTS = (",
        entry='    Summary("mean_square", _mean_square, _mean_square_mcse, order=4),\n',
    ),
    Addition(
        "An adaptation",
        "halfway",
        "networks/adaptations.py",
        '''@dataclass(frozen=True)
class Halfway(Adaptation):
    """Means of the statistics of training and of the test batch."""

    name = "halfway"

    def adapt(self, mean: RealArray, var: RealArray, z: RealArray) -> MeanAndVariance:
        ours, spread = own(z)
        return (mean + ours) / 2, (var + spread) / 2


''',
        wrong=("(var + spread) / 2", "np.sqrt(var + spread)"),
        before="ADAPTATIONS: dict[str, Adaptation] = {",
        entry='    "halfway": Halfway(),\n',
    ),
    Addition(
        "A normalizer",
        "median_mad",
        "networks/normalizers/median_mad.py",
        '''"""Normalization by the median and the median absolute deviation (MAD) of each unit over the batch."""

from dataclasses import dataclass

import numpy as np

from bnstats.networks.normalizers.normalizer import Normalizer

NORMAL = 1.4826  # the standard deviation of a normal law in units of its MAD


def middle(values):
    """Return the weight of each row in the median of its column: 1, or 1/2 for two."""
    order, rows = values.argsort(axis=0), len(values)
    weights = np.zeros_like(values)
    for row in {(rows - 1) // 2, rows // 2}:
        np.put_along_axis(weights, order[row : row + 1], 0.5 if rows % 2 == 0 else 1.0, axis=0)
    return weights


def center_and_scale(z):
    """Return the median, and the square of the MAD."""
    center = np.median(z, axis=0)
    return center, np.square(NORMAL * np.median(np.abs(z - center), axis=0))


def forward(z, state):
    """Replace z by (z - median) / MAD."""
    state.mean[0], state.var[0] = center_and_scale(z)
    state.memory[0] = 1 / np.sqrt(state.var[0] + state.eps)
    z -= state.mean[0]
    z *= state.memory[0]


def backward(gradient, value, state):
    """Replace the gradient at the value by that at z, through median and MAD."""
    inverse = state.memory[0]
    at_center, at_scale = middle(value), middle(np.abs(value)) * np.sign(value)
    of_scale = (gradient * value).sum(axis=0) * NORMAL * np.sqrt(state.var[0]) * inverse
    of_center = gradient.sum(axis=0) - of_scale * at_scale.sum(axis=0)
    gradient -= at_center * of_center + at_scale * of_scale
    gradient *= inverse


@dataclass(frozen=True)
class MedianMad(Normalizer):
    """Normalization by median and MAD, which running statistics average."""

    name = "median_mad"
    uses_batch = True
    moments = False
    forward = staticmethod(forward)
    backward = staticmethod(backward)

    def statistics(self, z):
        return center_and_scale(z)

    def follow(self, state, weight):
        state.running_mean[:] += weight * (state.mean[0] - state.running_mean)
        scale = np.sqrt(state.running_var)
        state.running_var[:] = np.square(scale + weight * (np.sqrt(state.var[0]) - scale))
''',
        wrong=("at_center * of_center + at_scale * of_scale", "at_center * of_center"),
    ),
    Addition(
        "A claim",
        "spread-at-4",
        "claims/builtin/meaning.py",
        "",
        wrong=("Region.near(0.2, 0.02)", "Region.near(0.3, 0.02)"),
        before="CLAIMS = (",
        entry="""    chance(
        "spread-at-4",
        "A batch of four normal values shows less than half of the spread one time in five.",
        "a first change",
        "chance that the standard deviation of a batch of four is below one half",
        Region.near(0.2, 0.02),
        BatchStatistic("normal", 4, lambda x: x.std(axis=1) < 0.5).evidence,
    ),
""",
    ),
    Addition(
        "A cause",
        "eps_too_small",
        "audit/core/causes/__init__.py",
        '''from bnstats.audit.core.causes.cause import cause


@cause(
    "eps is smaller than in training",
    "averaged population batch",
    fix="Set the larger eps of the training framework.",
    remedy=settings.of_other_eps,
    tried=True,
    sign=settings.later_layers_differ,
)
def eps_too_small(case):
    """Return evidence that later layers fit with a larger eps."""
    found = settings.best_eps(case)
    if found is None or not found[0] > max(layer.eps for layer in case.layers):
        return None
    return {"text": f"Later layers are {found[2]:.2g} standard deviations off with eps={found[0]:g}.", "eps": found[0]}


''',
        wrong=("not found[0] > max", "found[0] > max"),
        before="ASKED = (",
        entry="    eps_too_small,\n",
        models=(
            (
                "audit/test_core_causes.py",
                "NAMED: dict[str, list[Callable[[], damage.Damaged]]] = {",
                '    "eps_too_small": [damage.other_eps],\n',
            ),
            (
                "audit/test_core_causes.py",
                "NOT_NAMED: dict[str, Callable[[], damage.Damaged]] = {",
                '    "eps_too_small": damage.stale,\n',
            ),
        ),
    ),
)
