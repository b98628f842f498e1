"""Why running statistics are off: findings, each with its evidence, and a mend that was tried.

More than chance is not yet a finding: a gap between modes is one only where its mend brings a material gain on rows
that it was not made from.
"""

from __future__ import annotations

import numpy as np

from bnstats.audit.case import Case, Gap
from bnstats.audit.gap_causes import gap_findings
from bnstats.audit.other_rows import about_test_rows
from bnstats.audit.report import Finding
from bnstats.audit.structural import (
    dead_channels,
    grouped_batches,
    mixed_modes,
    not_finite,
    nothing_wrong,
    updated_twice,
)


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
