"""Test rows that are not like the loader's: another distribution, or another mix of classes."""

from __future__ import annotations

import numpy as np
from scipy import stats

from bnstats._checks.array_types import FloatArray, IntArray
from bnstats.audit.batches import count_rows, labels_of, taken
from bnstats.audit.bench import Bench
from bnstats.audit.case import Case, Gap
from bnstats.audit.kinds import Kind, population
from bnstats.audit.report import Finding
from bnstats.audit.scores import Estimate

# p-value of a difference between class mixes below which it is no chance.
RARE = 1e-3
# With fewer test rows no statistics are made of them.
FEWEST = 40


def about_test_rows(gap: Gap) -> list[Finding]:
    """`composition` or `shifted_test_data`, where statistics of the right rows beat running and population ones."""
    case, bench = gap.case, gap.bench
    if bench.count < FEWEST:
        return []
    standard = [gap.base, bench.score({**gap.applied, **case.kinds["population"]})]
    findings = composition(case, gap, standard)
    if findings:
        return findings
    return shifted(case, bench, standard)


def shifted(case: Case, bench: Bench, standard: list[list[FloatArray]]) -> list[Finding]:
    """Statistics of one half of the test rows, tried on the other half."""
    made, order = case.kinds["population"], np.random.default_rng(case.seed).permutation(bench.count)
    halves = np.array_split(order, 2)
    kinds = [population(case.runner, taken(case.test, half), case.batch_size, case.seed) for half in halves]
    adapted = bench.score(kinds[0])
    other = bench.score(kinds[1])
    for mine, theirs in zip(adapted, other, strict=True):
        mine[halves[0]] = theirs[halves[0]]
    gains = [bench.gain(adapted, old) for old in standard]
    if not all(gain.material(case.effect) for gain in gains):
        return []
    distances = {name: distance(kinds[0], made, name) for name in made if name in kinds[0]}
    gain = min(gains, key=lambda g: g.value)
    text = (
        f"test rows are distributed otherwise than the loader's: statistics of one half of them bring "
        f"{gain} on the other half, beyond any statistics of the loader."
    )
    evidence = {"gain": gain.value, "low": gain.low, "high": gain.high, "wasserstein": distances}
    mend = "bn.recalibrate(model, test_rows) if test rows come in such numbers; else train on rows like them."
    return [Finding("shifted_test_data", tuple(case.live), text, evidence, gain.value, mend)]


def distance(a: Kind, b: Kind, name: str) -> float:
    """Wasserstein distance of normal distributions with these means and variances, in standard deviations of the
    second; root mean square over channels.
    """
    (mean, var), (mean0, var0) = a[name], b[name]
    scale = np.maximum(var0, 1e-30)
    return float(np.sqrt(np.mean(((mean - mean0) ** 2 + (np.sqrt(var) - np.sqrt(var0)) ** 2) / scale)))


def composition(case: Case, gap: Gap, standard: list[list[FloatArray]]) -> list[Finding]:
    """Statistics of loader rows drawn by the classes' shares at test time."""
    loader, shares = labels_of(case.made), test_shares(case)
    if loader is None or loader.ndim != 1 or loader.is_floating_point() or shares is None:
        return []
    y = loader.cpu().numpy().astype(np.int64)
    p = mix_p(y, shares, count_rows(case.test))
    weights = np.array([shares.get(int(k), 0.0) for k in y]) / np.bincount(y)[y]
    if p > RARE or weights.sum() == 0:
        return []
    rows = np.random.default_rng(case.seed).choice(len(y), size=2 * len(y), p=weights / weights.sum())
    kind = population(case.runner, taken(case.made, rows), case.batch_size, case.seed)
    new = gap.bench.score(kind)
    gains = [gap.bench.gain(new, old) for old in standard]
    if not all(gain.material(case.effect) for gain in gains):
        return []
    gain: Estimate = min(gains, key=lambda g: g.value)
    text = (
        f"classes have other shares at test time than in the loader (p {p:.1g}): statistics of loader rows in the "
        f"test's shares bring {gain}."
    )
    evidence = {"p": p, "shares": shares, "gain": gain.value, "low": gain.low, "high": gain.high}
    mend = "bn.recalibrate(model, loader) with a loader that draws classes in the test's shares."
    return [Finding("composition", tuple(case.live), text, evidence, gain.value, mend)]


def test_shares(case: Case) -> dict[int, float] | None:
    """The classes' shares at test time: as they were given, or those of the test rows."""
    if case.options.shares is not None:
        return dict(case.options.shares)
    labels = labels_of(case.test)
    if labels is None or labels.ndim != 1 or labels.is_floating_point():
        return None
    classes, counts = np.unique(labels.cpu().numpy(), return_counts=True)
    return {int(k): float(n) / labels.numel() for k, n in zip(classes, counts, strict=True)}


def mix_p(y: IntArray, shares: dict[int, float], test_rows: int) -> float:
    """How often chance makes the loader's classes differ so much from the test's."""
    classes = sorted(set(y.tolist()) | set(shares))
    counts = np.array([np.sum(y == k) for k in classes], dtype=float)
    other = np.array([shares.get(k, 0.0) * test_rows for k in classes])
    return float(stats.chi2_contingency(np.array([counts, other])).pvalue)
