"""Parts that a framework supplies: layers, running statistics, and three kinds of forward pass on a private copy."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol

from bnstats._checks.array_types import FloatArray
from bnstats.statistics.moments import Moments

Mode = Literal["train", "eval", "batch"]
"""Training mode; evaluation mode; evaluation mode with each layer normalized by the statistics of its batch."""


class ChannelStatistics(NamedTuple):
    """Mean and variance of each channel, in the convention in which the framework stores them."""

    mean: FloatArray
    var: FloatArray

    @classmethod
    def of(cls, moments: Moments) -> ChannelStatistics:
        """Return mean and biased variance."""
        return cls(moments.mean, moments.var())


@dataclass(frozen=True)
class BatchNormLayer:
    """A batch-norm layer, as a forward pass in training mode finds it.

    Attributes
    ----------
    name : str
        Path of the layer in the model, without prefixes of wrappers.
    channels : int
        Number of channels.
    eps : float
        Constant added to the variance.
    weight : float or None
        Declared weight of a new batch in the running statistics; None for a cumulative average.
    updates : int or None
        Updates so far, by the framework's own counter; None if it keeps none.
    tracks : bool
        True if the layer keeps running statistics.
    calls : int
        Calls in one forward pass.
    """

    name: str
    channels: int
    eps: float
    weight: float | None
    updates: int | None
    tracks: bool
    calls: int


class Model(Protocol):
    """A private copy of a model, which may be run and changed at will.

    Layers are in the order in which a forward pass calls them first. A pass copies its batch before it reads it.
    """

    convention: str
    """Key in `bn.CONVENTIONS` of the framework's stored variance, usual weight and start."""

    @property
    def layers(self) -> Sequence[BatchNormLayer]:
        """Return the batch-norm layers that a pass calls."""

    @property
    def never_called(self) -> Sequence[str]:
        """Return the names of batch-norm layers that no pass calls."""

    @property
    def written(self) -> Sequence[str]:
        """Return the paths of weights that evaluation passes were seen to write to; later passes put them back."""

    def get(self) -> dict[str, ChannelStatistics]:
        """Return the running statistics of all layers that keep them."""

    def set(self, statistics: Mapping[str, ChannelStatistics]) -> None:
        """Replace the running statistics of these layers, as a user would; the others stay."""

    def train_pass(self, batch: Any) -> Any:
        """Return the output in training mode; running statistics move as in training, weights do not."""

    def eval_pass(self, batch: Any) -> Any:
        """Return the output in evaluation mode, as deployment computes it; nothing moves."""

    def batch_pass(self, batch: Any) -> Any:
        """Return the output in evaluation mode with each layer normalized by the batch; nothing moves."""

    def moments(self, batch: Any, mode: Mode) -> dict[str, tuple[Moments, ...]]:
        """Return moments per channel of each layer's input in a pass of this mode, one `Moments` for each call."""

    def lockstep(self, batches: Sequence[Any]) -> dict[str, ChannelStatistics] | None:
        """Return the population statistics along the inference path, from one pass over all batches at once.

        None where layers are called twice or in varying order, or where the framework cannot; the core then makes
        one pass for each layer.
        """

    def to_numpy(self, tree: Any) -> Any:
        """Return a copy of an output or batch with every array as a NumPy array, in the same structure."""

    def own(self, tree: Any) -> Any:
        """Return a copy of a batch or output in the framework's own arrays, for user code that may write into it."""


class Framework(Protocol):
    """One framework: isolates a model, and watches that the original stays as it is."""

    name: str

    def recognizes(self, model: Any) -> bool:
        """Return True if the model is one of this framework; imports nothing that is not imported."""

    def isolate(self, model: Any, example: Any, *, forward: Any = None, device: Any = None) -> Model:
        """Return a private copy, tried on a copy of the example batch.

        Raises
        ------
        ValueError
            In one sentence, if the model cannot be copied or run.
        """

    def guarded(self, model: Any, loaders: Sequence[Any], seed: int) -> AbstractContextManager[Guard]:
        """Return a context that keeps global random state and the loaders' generators, and guards the original."""

    def copied(self, model: Any) -> Any:
        """Return a copy of the user's model that can be used and trained as the original; `recalibrate` returns it.

        What cannot be copied, such as locks and files, is shared with the original.
        """

    def write(self, model: Any, statistics: Mapping[str, ChannelStatistics]) -> Any:
        """Write running statistics into the user's own model, in place, and return that model.

        A model whose parts cannot be written to, such as a tuple of variables, is returned anew.
        """


class Guard(Protocol):
    """A fingerprint of the original model and of what was shared with the copy."""

    @property
    def shared(self) -> Sequence[str]:
        """Return the paths of objects that could not be copied, such as locks and files."""

    @property
    def changed(self) -> Collection[str]:
        """Return the paths of what changed in the original and was put back; complete when the context has ended."""
