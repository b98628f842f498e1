"""Claims that the package ships, by identifier: those that the files of `builtin` list as `CLAIMS`."""

from __future__ import annotations

from bnstats._families.variants import modules
from bnstats.claims.claim import Claim

# Order of files in the ledger; a file that is not named here comes last.
ORDER = (
    *("convergence", "fixed_batches", "meaning", "gradients", "training", "grades", "steps", "other_statistics"),
    *("remedies", "correction", "answers", "published"),
)


def _place(file: str) -> int:
    return ORDER.index(file) if file in ORDER else len(ORDER)


_FOUND = {module.__name__.rpartition(".")[2]: module for module in modules("bnstats.claims.builtin")}
CLAIMS: dict[str, Claim] = {
    claim.identifier: claim for file in sorted(_FOUND, key=_place) for claim in getattr(_FOUND[file], "CLAIMS", ())
}
