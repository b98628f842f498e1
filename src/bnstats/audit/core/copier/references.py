"""References of an object that is copied; copies of each type stand elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from bnstats.audit.core.copier import containers
from bnstats.audit.core.copier.blocks import Blocks
from bnstats.audit.core.copier.containers import ATOMS, Container
from bnstats.audit.core.copier.contents import Contents

Handler = Callable[[Any, "References", str], Any]
"""Returns the copy of an object; a registered handler may return NotImplemented, and the general rule is used."""


class Changeable(NamedTuple):
    """A container that was copied: its kind, itself, its copy, and its path."""

    kind: Container
    source: Any
    copy: Any
    path: str


class References:
    """Record of what became of everything that a copied object refers to.

    Parameters
    ----------
    handlers : dict of type to handler
        Copy instances of these types and of their subclasses, before any general rule.
    maker_of : callable (type) -> handler or None
        The general rules; None for types whose values never change.

    Attributes
    ----------
    shared : list of str
        Paths of what could not be copied.
    changeable : list of Changeable
        All containers, attributes included.
    leaves : list of (array, copy, path)
        Arrays of numbers, of NumPy and of the framework.
    blocks : Blocks
        Memory that several arrays share.
    made : dict of int to object
        Copy of each object, by the object's identity.
    making : set of int
        Identities of objects that are being made anew from what they refer to.
    """

    def __init__(self, handlers: Mapping[type, Handler], maker_of: Callable[[type], Handler | None]) -> None:
        self._handlers, self._maker_of = handlers, maker_of
        self._makers: dict[type, Handler | None] = {}
        self.blocks = Blocks()
        self._reached: set[int] = set()
        self._forget()

    def _forget(self) -> None:
        self.made: dict[int, Any] = {}
        self._sources: list[Any] = []
        self._pending: list[Callable[[], object]] = []
        self._by_hash: list[Callable[[], object]] = []
        self._weak: set[int] = set()
        self.making: set[int] = set()
        self.shared: list[str] = []
        self.changeable: list[Changeable] = []
        self.leaves: list[tuple[Any, Any, str]] = []

    def copy(self, x: Any, path: str = "") -> Any:
        """Return the copy of an object.

        Another round is made where arrays turned out to share memory, or where a weak reference leads to something
        that was copied after it.
        """
        new = self._whole(x, path)
        late = self._weak & self.made.keys()
        if self.blocks.again() or late:
            self._reached = late
            self._forget()
            new = self._whole(x, path)
        return new

    def contents(self, left_out: Iterable[Any] = ()) -> Contents:
        """Return what all copies hold now, but for some objects with their attributes."""
        spare = {id(part) for x in left_out for part in (x, containers.instance_dict(x))}
        kept = ((c.kind, c.copy, c.path) for c in self.changeable if id(c.copy) not in spare)
        return Contents(kept, ((new, source, path) for source, new, path in self.leaves))

    def once(self, x: Any) -> Any:
        """Return the copy of an object, and forget it: the next one is copied anew."""
        try:
            return self.copy(x)
        finally:
            self._forget()
            self.blocks = Blocks()
            self._reached = set()

    def _whole(self, x: Any, path: str) -> Any:
        new = self.complete(x, path)
        while self._by_hash:
            self._by_hash.pop(0)()
            self._work(0)
        return new

    # ---- for handlers

    def twin(self, x: Any, path: str) -> Any:
        """Return the copy of an object; its contents may be copied later."""
        cls = type(x)
        try:
            maker = self._makers[cls]
        except KeyError:
            maker = self._makers[cls] = self._tried(cls)
        if maker is None:
            return x
        key = id(x)
        return self.made[key] if key in self.made else maker(x, self, path)

    def complete(self, x: Any, path: str) -> Any:
        """Return the copy of an object with all its contents."""
        depth = len(self._pending)
        new = self.twin(x, path)
        self._work(depth)
        return new

    def later(self, work: Callable[[], object]) -> None:
        """Do some work later, so that chains may be longer than the stack."""
        self._pending.append(work)

    def keep(self, source: Any, new: Any) -> Any:
        """Remember the copy of an object."""
        self.made[id(source)] = new
        self._sources.append(source)
        return new

    def of(self, source: Any) -> Any:
        """Return the copy that was made of an object, or the object itself."""
        return self.made.get(id(source), source)

    def share(self, x: Any, path: str) -> Any:
        """Share an object, and list it."""
        self.shared.append(path or "itself")
        return self.keep(x, x)

    def holds(self, kind: Container, source: Any, new: Any, path: str, contents: Any = None) -> None:
        """Remember a container and its copy, and copy the contents later: hashed ones after all attributes."""
        contents = kind.look(source) if contents is None else contents
        work = self._by_hash if kind.hashes and not ATOMS.issuperset(map(type, contents)) else self._pending
        work.append(lambda: kind.put(new, kind.copied(contents, self, path)))
        self.changeable.append(Changeable(kind, source, new, path))

    def leads_to(self, target: Any) -> bool:
        """Return True if the target of a weak reference is copied; else it is seen at the end whether it was."""
        if id(target) in self.made or id(target) in self._reached:
            return True
        self._weak.add(id(target))
        return False

    def attributes(self, x: Any, new: Any, path: str) -> None:
        """Copy what an object holds in its `__dict__` and its slots."""
        held = containers.instance_dict(x)
        if held is not None and id(held) in self.made:  # another object has the same, or somebody refers to them
            object.__setattr__(new, "__dict__", self.made[id(held)])
        elif held is not None:
            self.holds(containers.ATTRIBUTES, held, self.keep(held, containers.instance_dict(new)), path)
        if any(True for _ in containers.slots(type(x))):
            self.holds(containers.SLOTS, x, new, path)

    # ---- the work

    def _work(self, depth: int) -> None:
        while len(self._pending) > depth:
            self._pending.pop()()

    def _tried(self, cls: type) -> Handler | None:
        general = self._maker_of(cls)
        first = next((self._handlers[c] for c in cls.__mro__ if c in self._handlers), None)
        if first is None:
            return general

        def tried(x: Any, copier: References, path: str) -> Any:
            new = first(x, copier, path)
            if new is NotImplemented:
                return x if general is None else general(x, copier, path)
            return copier.keep(x, new)

        return tried
