"""A private copy of a model that is put back after each pass, where something moved."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bnstats.audit.core.copier.contents import Contents
from bnstats.audit.core.copier.copier import Copier
from bnstats.audit.core.copier.references import References
from bnstats.audit.torch.tensors import handlers, place_of, version

LOCKS = {type(threading.Lock()): threading.Lock, type(threading.RLock()): threading.RLock}


class WorkingCopy:
    """A copy of a model, along its references.

    Parameters
    ----------
    original : Module
        Model that stays as it is.

    Attributes
    ----------
    module : Module
        The copy.
    tensors : list of Tensor
        All tensors of the copy.
    shared : list of str
        Paths of what could not be copied.
    written : dict of str to None
        Paths of tensors, but for running statistics, that passes in evaluation mode were seen to write to.
    running : dict of int to Tensor
        What running statistics are put back to, by the places of their tensors.
    apart : bool
        True if passes of several batches need a structure each: a pass in evaluation mode leaves something in an
        attribute, or there are locks, which one of them may hold while it waits for the others.
    """

    def __init__(self, original: nn.Module) -> None:
        self.apart = False
        copier = Copier({**handlers(), **dict.fromkeys(LOCKS, self._lock)})
        with quiet():
            self.module: nn.Module = copier.copy(original)
        self.shared, self._copier = copier.shared, copier
        _alone(self.module)
        found = [leaf for leaf in copier.leaves if isinstance(leaf[0], Tensor)]
        self.tensors: list[Tensor] = [new for _, new, _ in found]
        self._paths = [path for *_, path in found]
        self.written: dict[str, None] = {}
        self._sources: list[Tensor] = [source for source, _, _ in found]
        self._reference = [source.detach() for source in self._sources]
        self._source_versions = [version(source) for source in self._sources]
        self._memory = [new.detach() for new in self.tensors]
        self._versions = [version(new) for new in self.tensors]
        self._places = [place_of(new) for new in self.tensors]
        self._by_identity = {id(new): i for i, new in enumerate(self.tensors)}
        self._by_storage = {x.untyped_storage()._cdata: i for i, x in enumerate(self.tensors) if place_of(x)}
        # PyTorch's batch normalization moves its buffers without counting that it writes to them.
        self._uncounted = [i for i, x in enumerate(self.tensors) if x.is_floating_point() and not _is_parameter(x)]
        self.running: dict[int, Tensor] = {}
        self._contents: dict[bool, Contents] = {}
        self._training: bool | None = None
        self._unwatched = False

    # ---- tensors

    def place_of(self, x: Tensor | None) -> int | None:
        """Return the place of the tensor that this is, or whose memory it shares; None for a tensor of no original."""
        if x is None:
            return None
        found = self._by_identity.get(id(x))
        return found if found is not None or not place_of(x) else self._by_storage.get(x.untyped_storage()._cdata)

    def source_of(self, place: int) -> Tensor:
        """Return the original's tensor."""
        return self._sources[place]

    def changed(self, place: int, now: Tensor | None = None) -> bool:
        """Return True if a tensor's values are not those of the original."""
        return not _equal(self._reference[place], self._memory[place] if now is None else now.detach())

    def add(self, place: int, number: float) -> None:
        """Add a number to a tensor's values, until they are put back."""
        self._memory[place].add_(number)

    # ---- running statistics

    def let_run(self, places: list[int]) -> None:
        """Let these tensors hold running statistics: they are put back to what was accepted last."""
        self.running = {i: self._memory[i].clone() for i in places}

    def accept(self) -> None:
        """Accept what the running statistics are now."""
        for i, kept in self.running.items():
            kept.copy_(self._memory[i])

    # ---- passes

    def enter(self, training: bool) -> None:
        """Switch to training or evaluation mode, as the model itself defines it."""
        if training == self._training:
            return
        if training in self._contents:
            self._contents[training].put_back()
        else:
            with quiet():
                self.module.train(training)
            self._contents[training] = self._copier.contents()
        self._training = training

    def put_back(self, *, compare: bool | None) -> None:
        """Put back everything that a pass has moved, but for accepted running statistics.

        Writing to a tensor's memory is not counted: it is seen by comparing values, as where a pass has asked for
        memory. It is not known of passes that were not watched (None): `look` compares them together.
        """
        if self._training is not None and self._contents[self._training].put_back():
            self.apart |= not self._training
        self._unwatched |= compare is None
        compare = bool(compare or self.written)
        if [*map(version, self._sources)] != self._source_versions:
            self._keep_sources()
        if [*map(place_of, self.tensors)] != self._places:
            for i, (new, memory) in enumerate(zip(self.tensors, self._memory, strict=True)):
                if place_of(new) != self._places[i] and self.changed(i, new):
                    self._note(i)
                new.data = memory
            compare = True
        now = [*map(version, self.tensors)]
        if compare or now != self._versions:
            for i, (new, old) in enumerate(zip(now, self._versions, strict=True)):
                if compare or new != old:
                    self._restore(i)
            self._versions = [*map(version, self.tensors)]
        for i in self._uncounted:
            self._restore(i)

    def look(self) -> None:
        """See if evaluation has written to weights uncounted; from then on, values are compared after each pass."""
        if self._unwatched and not self.written:
            self._unwatched = False
            for i in range(len(self.tensors)):
                self._restore(i)

    def _keep_sources(self) -> None:
        """Put back what the model's own code wrote into the original, which it may reach by a global name."""
        for i, source in enumerate(self._sources):
            if version(source) != self._source_versions[i]:
                if version(self.tensors[i]) == self._versions[i] and i not in self.running:
                    self._reference[i].copy_(self._memory[i])
                self._source_versions[i] = version(source)

    def _restore(self, i: int) -> None:
        kept = self.running.get(i, self._reference[i])
        if not _equal(kept, self._memory[i]):
            self._memory[i].copy_(kept)
            self._note(i)

    def _note(self, i: int) -> None:
        """Remember that a tensor has moved, if evaluation moved it, and its values are neither nan nor incomparable."""
        if not self._training and i not in self.running and _equal(self._reference[i], self._reference[i]):
            self.written[self._paths[i]] = None

    def _lock(self, x: Any, copier: References, path: str) -> Any:
        self.apart = True
        return copier.share(x, path)

    def structure(self) -> tuple[nn.Module, dict[int, nn.Module]]:
        """Return a copy of all but the tensors, with locks of its own, and its module for each module's identity."""
        same = dict.fromkeys((Tensor, np.ndarray), lambda x, *_: x)
        own = {kind: lambda *_, new=new: new() for kind, new in LOCKS.items()}
        copier = Copier({**handlers(), **same, **own})
        new: nn.Module = copier.copy(self.module)
        return new, {id(module): copier.of(module) for module in self.module.modules()}


def _alone(module: nn.Module) -> None:
    """Run the copy eagerly, in this process, on one device."""
    for part in module.modules():
        if "_compiled_call_impl" in part.__dict__:
            part.__dict__["_compiled_call_impl"] = None
        if isinstance(part, nn.DataParallel):
            part.device_ids = part.device_ids[:1]
        if type(part) is nn.SyncBatchNorm:
            part.__class__ = _OneProcess


class _OneProcess(nn.SyncBatchNorm):
    """Synchronized batch norm of one process."""

    forward = nn.modules.batchnorm._BatchNorm.forward


def _is_parameter(x: Tensor) -> bool:
    return isinstance(x, nn.Parameter) and x.requires_grad


def _equal(a: Tensor, b: Tensor) -> bool:
    try:
        return bool(torch.equal(a, b))
    except RuntimeError:  # not for all layouts
        return False


@contextmanager
def quiet() -> Iterator[None]:
    """Keep no graph, and compile nothing."""
    with ExitStack() as stack:
        if torch.is_inference_mode_enabled():
            stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.no_grad())
        if "torch._dynamo" in sys.modules:  # nothing is compiled where the compiler was never loaded
            stack.enter_context(torch.compiler.set_stance("force_eager"))
        yield
