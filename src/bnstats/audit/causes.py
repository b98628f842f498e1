"""Why running statistics are off: findings, each with its evidence, and a mend that was tried.

More than chance is not yet a finding: a gap between modes is one only where its mend brings a material gain on rows
that it was not made from.
"""

from __future__ import annotations

import numpy as np

from bnstats.audit.case import Case, Gap
from bnstats.audit.gap_causes import gap_findings, rms, significant
from bnstats.audit.other_rows import about_test_rows
from bnstats.audit.report import Finding
from bnstats.audit.structural import (
    dead_channels,
    grouped_batches,
    mixed_modes,
    not_finite,
    updated_twice,
)

# 3.3 standard errors are reached with probability 0.8 by an effect of 0.84 more.
NOTICED = 3.3 + 0.84


def find(case: Case) -> list[Finding]:
    """All findings, the most costly first."""
    broken = not_finite(case)
    if broken:
        return broken
    bench = case.bench
    findings, gap = [], Gap(case, bench, {})
    for structural in (mixed_modes, grouped_batches):
        finding, statistics = structural(case, gap)
        if finding is not None:
            findings.append(finding)
            gap = Gap(case, bench, gap.applied | statistics)
    if case.test_bench is not None:
        moved = about_test_rows(gap)
        findings += moved
        gap = Gap(case, case.loader_bench, gap.applied) if moved else gap
    findings += gap_findings(gap)
    findings += [*dead_channels(case), *updated_twice(case)]
    findings.sort(key=lambda finding: -np.nan_to_num(finding.cost, nan=0.0, posinf=np.inf))
    return findings or [nothing_wrong(gap)]


def nothing_wrong(gap: Gap) -> Finding:
    """No finding, with the smallest cost that would have been one and the layers that are off without such a cost."""
    gain, off = gap.gains["population"], significant(gap)
    smallest = max(gap.case.effect, NOTICED * gain.se) if np.isfinite(gain.se) else np.nan
    text = (
        f"nothing is wrong: population statistics bring {gain}; a cost "
        f"of {smallest:.2g} would have been noticed four times in five."
    )
    if off:
        text += (
            f" Running statistics of {len(off)} layers are off by more than chance, from {off[0]} on, at no cost that "
            f"{gap.bench.count} rows show; more test rows would show a smaller one."
        )
    evidence = {"gain": gain.value, "low": gain.low, "high": gain.high, "noticed": smallest}
    return Finding("nothing_wrong", (), text, evidence | {"z": {n: rms(gap)[n] for n in off}}, 0.0, "nothing")
