"""Claims that the package ships, by identifier."""

from __future__ import annotations

from bnstats.claims.builtin import (
    answers,
    convergence,
    correction,
    fixed_batches,
    grades,
    gradients,
    meaning,
    new_data,
    published,
    remedies,
    training,
    values,
)
from bnstats.claims.builtin.steps import contradiction, direction, other_statistics
from bnstats.claims.claim import Claim

CLAIMS: dict[str, Claim] = {
    claim.identifier: claim
    for module in (
        convergence,
        fixed_batches,
        meaning,
        values,
        gradients,
        training,
        grades,
        contradiction,
        direction,
        other_statistics,
        remedies,
        correction,
        answers,
        new_data,
        published,
    )
    for claim in module.CLAIMS
}
