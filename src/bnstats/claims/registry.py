"""The claims that the package answers for, by identifier."""

from __future__ import annotations

from bnstats.claims.claim import Claim
from bnstats.claims.entries import (
    answers,
    convergence,
    correction,
    grades,
    gradients,
    meaning,
    published,
    remedies,
    training,
)

CLAIMS: dict[str, Claim] = {
    claim.identifier: claim
    for entries in (convergence, meaning, gradients, training, grades, remedies, correction, answers, published)
    for claim in entries.CLAIMS
}
