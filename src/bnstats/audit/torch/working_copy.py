"""A private copy of a model that is put back after each pass, where something moved."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bnstats.audit.core.copier.copier import Copier
from bnstats.audit.torch.tensors import handlers, place_of, version

# The first training passes are compared with the original value by value. Later ones are if they ask for a tensor's
# memory, as writing to that is not counted.
COMPARED = 2


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
    moved : dict of str to None
        Paths of what a pass has moved, and that was put back.
    """

    def __init__(self, original: nn.Module) -> None:
        copier = Copier(handlers())
        with quiet():
            self.module: nn.Module = copier.copy(original)
        self.shared, self._changeable = copier.shared, copier.changeable
        _alone(self.module)
        self._arrays = [leaf for leaf in copier.leaves if not isinstance(leaf[0], Tensor)]
        found = [leaf for leaf in copier.leaves if isinstance(leaf[0], Tensor)]
        self.tensors: list[Tensor] = [new for _, new, _ in found]
        self._sources: list[Tensor] = [source for source, _, _ in found]
        self._reference = [source.detach() for source in self._sources]
        self._source_versions = [version(source) for source in self._sources]
        self._paths = [path for _, _, path in found]
        self._memory = [new.detach() for new in self.tensors]
        self._versions = [version(new) for new in self.tensors]
        self._places = [place_of(new) for new in self.tensors]
        self._by_identity = {id(new): i for i, new in enumerate(self.tensors)}
        self._by_storage = {x.untyped_storage()._cdata: i for i, x in enumerate(self.tensors) if place_of(x)}
        self.running: dict[int, Tensor] = {}
        self._contents: dict[bool, list[Any]] = {}
        self._training: bool | None = None
        self._left_to_compare = COMPARED
        self.moved: dict[str, None] = {}

    # ---- tensors

    def place_of(self, x: Tensor | None) -> int | None:
        """Return the place of the tensor that this is, or whose memory it looks at; None for a stranger."""
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
            self._put(self._contents[training])
        else:
            with quiet():
                self.module.train(training)
            self._contents[training] = [kind.look(new) for kind, _, new, _ in self._changeable]
        self._training = training

    def put_back(self, *, compare: bool = False) -> None:
        """Put back everything that a pass has moved, but for accepted running statistics."""
        if self._training is not None:
            for i in self._put(self._contents[self._training]):
                self.moved[self._changeable[i].path or "model"] = None
        compare |= self._left_to_compare > 0
        self._left_to_compare -= self._left_to_compare > 0
        self._keep_sources()
        for i, new in enumerate(self.tensors):
            same_place = place_of(new) == self._places[i]
            if same_place and version(new) == self._versions[i] and not compare:
                continue
            kept = self.running.get(i, self._reference[i])
            if not same_place or not _equal(kept, self._memory[i]):
                self._restore(i, kept, same_place)
            self._versions[i] = version(new)
        for source, new, path in self._arrays:
            if source.tobytes() != new.tobytes():
                self.moved[path] = None
                np.copyto(new, source)

    def _keep_sources(self) -> None:
        """Put back what the model's own code wrote into the original, which it may reach by a global name."""
        for i, source in enumerate(self._sources):
            if version(source) != self._source_versions[i]:
                if version(self.tensors[i]) == self._versions[i] and i not in self.running:
                    self._reference[i].copy_(self._memory[i])
                self._source_versions[i] = version(source)

    def _restore(self, i: int, kept: Tensor, same_place: bool) -> None:
        if i not in self.running:
            self.moved[self._paths[i]] = None
        if not same_place:
            self.tensors[i].data = self._memory[i]
        self._memory[i].copy_(kept)

    def _put(self, contents: list[Any]) -> list[int]:
        """Put containers back, and return which ones differed."""
        found = []
        for i, (copied, held) in enumerate(zip(self._changeable, contents, strict=True)):
            if not copied.kind.same(copied.copy, held):
                copied.kind.put(copied.copy, held)
                found.append(i)
        return found


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


def _equal(a: Tensor, b: Tensor) -> bool:
    try:
        return bool(torch.equal(a, b))
    except RuntimeError:  # not for all layouts
        return False


@contextmanager
def quiet() -> Iterator[None]:
    """Keep no graph, and compile nothing."""
    with ExitStack() as stack:
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.no_grad())
        if "torch._dynamo" in sys.modules:  # nothing is compiled where the compiler was never loaded
            stack.enter_context(torch.compiler.set_stance("force_eager"))
        yield
