"""Replicates of a block that are kept one by one, where a tally of them would lose their order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class KeptReplicates:
    """Replicates of one block, in their order.

    Attributes
    ----------
    measures : mapping of arrays
        Replicates of each measure, as `Study.simulate` returns them.
    """

    blocks: ClassVar[int] = 1
    kinds: ClassVar[str] = "biuf"
    """Kinds of the arrays that may be stored."""

    measures: Mapping[Any, NDArray[Any]]

    @staticmethod
    def of(found: Mapping[Any, NDArray[Any]]) -> KeptReplicates:
        """Return copies of the replicates, because a study may fill the same arrays again."""
        return KeptReplicates({key: np.array(values) for key, values in found.items()})

    @property
    def keys(self) -> list[Any]:
        """Names of the measures; a name of several parts is a tuple."""
        return list(self.measures)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the arrays to store, each with a name."""
        return {str(i): values for i, values in enumerate(self.measures.values())}

    @staticmethod
    def of_arrays(keys: list[Any], arrays: Mapping[str, NDArray[Any]]) -> KeptReplicates:
        """Return the replicates whose `keys` and `arrays` were stored; raise ValueError if they do not fit."""
        if len(keys) != len(arrays) or not all(array.size for array in arrays.values()):
            raise ValueError(f"{len(arrays)} arrays for {len(keys)} measures, or one without replicates")
        names = (tuple(key) if isinstance(key, list) else key for key in keys)
        return KeptReplicates(dict(zip(names, arrays.values(), strict=True)))
