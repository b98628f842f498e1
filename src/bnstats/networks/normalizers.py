"""Normalizers: over which set of a layer's values mean and variance are taken, and which of them are constants.

A layer's values are z, shape (rows, units). Every normalizer makes (z - m) / s of it, whose gradient is
(dz - mean(dz) - z mean(dz z)) / s over the set that m and s were taken of, or dz / s where they are constants.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from bnstats._arrays import FloatArray
from bnstats._validation import named, number, whole


@dataclass(frozen=True)
class Normalizer:
    """What every normalizer says of itself; as it stands, batch normalisation (Ioffe & Szegedy 2015).

    >>> Normalizer.of("renorm")
    Renorm(r_max=3.0, d_max=5.0, schedule=(100, 500, 800))
    """

    name: ClassVar[str]
    uses_batch: ClassVar[bool] = True
    """Whether statistics over the rows of a batch enter, so that running statistics are kept."""
    learns_scale: ClassVar[bool] = True
    """Whether a learned scale follows, beside the shift."""

    @staticmethod
    def of(source: str | Normalizer) -> Normalizer:
        """The normalizer of that name, with its defaults, or the one given; ValueError if there is none."""
        if isinstance(source, Normalizer):
            if type(source) not in map(type, NORMALIZERS.values()):
                raise ValueError(
                    f"{type(source).__name__} would run as batch normalisation under another name: use one of "
                    f"{', '.join(NORMALIZERS)}."
                )
            return source
        return named("normalizer", source, NORMALIZERS, "a bn.normalizers.Normalizer")

    def set_rows(self, batch_size: int) -> int:
        """How many rows share a mean and variance."""
        return batch_size

    def groups(self) -> int:
        """Into how many sets the units of a row are cut; 0 if a set is a column."""
        return 0

    def limits(self, step: NDArray[np.int64]) -> tuple[FloatArray, FloatArray]:
        """r_max and d_max of batch renormalization at steps 1, 2, ...; 1 and 0 are batch normalisation."""
        return np.ones(step.shape), np.zeros(step.shape)

    def frozen(self, step: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether the running statistics normalise in training too, as constants, and are kept as they are."""
        return np.zeros(step.shape, dtype=bool)

    def check(self, batch_size: int, hidden: tuple[int, ...]) -> None:
        """Raise ValueError if batches of this size, or layers of these widths, cannot be normalised so."""
        rows = self.set_rows(batch_size)
        if self.uses_batch and rows < 2:
            raise ValueError(f"a variance needs at least 2 rows; got batch size {rows} with normalizer {self.name!r}.")


@dataclass(frozen=True)
class NoNorm(Normalizer):
    """Nothing is normalised: a learned shift only, the bias of the layer."""

    name = "none"
    uses_batch = False
    learns_scale = False

    def frozen(self, step: NDArray[np.int64]) -> NDArray[np.bool_]:
        return np.ones(step.shape, dtype=bool)


@dataclass(frozen=True)
class Batch(Normalizer):
    """Each unit over the rows of a batch (Ioffe & Szegedy 2015)."""

    name = "batch"


@dataclass(frozen=True)
class Renorm(Normalizer):
    """Batch renormalization (Ioffe 2017, arXiv 1702.03275): z r + d, which is what running statistics would make.

    r = s_batch / s_running within [1 / r_max, r_max], d = (m_batch - m_running) / s_running within [-d_max, d_max];
    s_running is the root of running variance + eps, and no gradient runs through r and d.

    Parameters
    ----------
    r_max, d_max : float
        Reached by linear rise from 1 and 0.
    schedule : (int, int, int)
        The step until which it is plain batch normalisation, at which d_max is reached, and r_max: the paper's 5000,
        25000 and 40000 by default, scaled down to trainings of 1000 steps.
    """

    name = "renorm"
    r_max: float = 3.0
    d_max: float = 5.0
    schedule: tuple[int, int, int] = (100, 500, 800)

    def __post_init__(self) -> None:
        if not (number("r_max", self.r_max) >= 1 and number("d_max", self.d_max) >= 0):
            raise ValueError(f"r_max is at least 1 and d_max at least 0; got {self.r_max} and {self.d_max}.")
        if not isinstance(self.schedule, tuple) or len(self.schedule) != 3:
            raise ValueError(f"schedule is three steps, as in schedule=(100, 500, 800); got {self.schedule!r}.")
        if whole("the first step of schedule", self.schedule[0], least=0) > min(self.schedule[1:]):
            raise ValueError(
                f"schedule is (start, d_max reached, r_max reached), the first step the smallest; got {self.schedule}."
            )

    def limits(self, step: NDArray[np.int64]) -> tuple[FloatArray, FloatArray]:
        start, d_full, r_full = self.schedule
        r_share, d_share = (np.clip((step - start) / max(full - start, 1), 0.0, 1.0) for full in (r_full, d_full))
        return 1 + r_share * (self.r_max - 1), d_share * self.d_max


@dataclass(frozen=True)
class Layer(Normalizer):
    """Each row over all units of the layer (Ba, Kiros & Hinton 2016, arXiv 1607.06450)."""

    name = "layer"
    uses_batch = False

    def groups(self) -> int:
        return 1


@dataclass(frozen=True)
class Group(Normalizer):
    """Each row over each of `number` groups of neighbouring units (Wu & He 2018)."""

    name = "group"
    uses_batch = False
    number: int = 8

    def __post_init__(self) -> None:
        whole("number of groups", self.number, least=1)

    def groups(self) -> int:
        return self.number

    def check(self, batch_size: int, hidden: tuple[int, ...]) -> None:
        for units in hidden:
            if units % self.number:
                raise ValueError(
                    f"{units} hidden units cannot be cut into {self.number} equal groups; give Group a divisor."
                )


@dataclass(frozen=True)
class Ghost(Normalizer):
    """Each unit over ghost batches of `size` rows of the batch (Hoffer, Hubara & Soudry 2017).

    What enters the running statistics is the average over the ghost batches of their mean and variance.
    """

    name = "ghost"
    size: int = 8

    def __post_init__(self) -> None:
        whole("size of ghost batches", self.size, least=2)

    def set_rows(self, batch_size: int) -> int:
        return self.size

    def check(self, batch_size: int, hidden: tuple[int, ...]) -> None:
        super().check(batch_size, hidden)
        if batch_size % self.size:
            raise ValueError(
                f"a batch of {batch_size} rows cannot be cut into ghost batches of {self.size}; give Ghost(size=) a "
                "divisor of the batch size."
            )


@dataclass(frozen=True)
class Frozen(Normalizer):
    """Batch normalisation for `after` steps; from then on the running statistics, as constants, in training too."""

    name = "frozen"
    after: int = 500

    def __post_init__(self) -> None:
        whole("after", self.after, least=0)

    def frozen(self, step: NDArray[np.int64]) -> NDArray[np.bool_]:
        return step > self.after


NORMALIZERS: dict[str, Normalizer] = {
    n.name: n for n in (NoNorm(), Batch(), Renorm(), Layer(), Group(), Ghost(), Frozen())
}
