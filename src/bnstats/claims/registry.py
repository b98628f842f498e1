"""Claims that the package ships, by identifier."""

from __future__ import annotations

from importlib import import_module

from bnstats.claims.claim import Claim

# Files of `builtin`, in the order of the ledger.
FILES = (
    *("convergence", "fixed_batches", "meaning", "gradients", "training", "grades", "steps", "other_statistics"),
    *("remedies", "correction", "answers", "published"),
)

CLAIMS: dict[str, Claim] = {
    claim.identifier: claim for name in FILES for claim in import_module(f"bnstats.claims.builtin.{name}").CLAIMS
}
