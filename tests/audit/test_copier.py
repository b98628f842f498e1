"""A copy along references keeps what is shared, and lists what it cannot copy. Nothing here is random."""

import collections
import functools
import random
import threading
import time
import types
import weakref
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest

from bnstats.audit.core.copier.copier import Copier


class Node:
    """Anything with attributes."""

    def method(self) -> Any:
        return self


class Slotted:
    __slots__ = ("__private", "left", "right")

    def __init__(self, left: Any) -> None:
        self.left, self.__private = left, [left]

    def private(self) -> Any:
        return self.__private


@dataclass(frozen=True)
class Frozen:
    part: Any


class Pair(NamedTuple):
    a: Any
    b: Any


class Marked(tuple):  # type: ignore[type-arg]
    """A tuple with attributes."""


class Named(dict):  # type: ignore[type-arg]
    """A dictionary with attributes."""


def copied(x: Any) -> Any:
    return Copier().copy(x)


def test_shared_references_and_cycles_stay() -> None:
    node = Node()
    node.items = [1, {"self": node}]
    node.pair = (node.items, node)
    new = copied(node)
    assert new is not node
    assert new.items is not node.items
    assert new.items[1]["self"] is new
    assert new.pair[0] is new.items
    assert new.pair[1] is new


def test_closures_partials_and_methods_refer_to_the_copy() -> None:
    node, seen = Node(), []
    count = 0

    def hook() -> Any:
        nonlocal count
        count += 1
        seen.append(node)
        return count

    def reader() -> int:
        return count

    node.hook, node.reader, node.seen = hook, reader, seen
    node.partial = functools.partial(isinstance, node, other=seen)
    node.bound, node.append, node.plain = node.method, seen.append, len
    new = copied(node)
    assert new.hook() == 1
    assert new.reader() == 1, "both functions share the cell"
    assert new.seen == [new]
    assert (count, seen) == (0, [])
    assert new.partial.args == (new,)
    assert new.partial.keywords["other"] is new.seen
    assert new.bound() is new
    new.append(2)
    assert new.seen == [new, 2]
    assert new.plain is len


def test_slots_frozen_dataclasses_and_named_tuples() -> None:
    inner = [1]
    slotted = Slotted(inner)
    new, frozen, pair = copied([slotted, Frozen(inner), Pair(inner, 2)])
    assert new.left is frozen.part is pair.a
    assert new.left is not inner
    assert new.private()[0] is new.left
    assert not hasattr(new, "right")
    assert type(pair) is Pair


CONTAINERS = {
    "ordered": collections.OrderedDict(a=[1]),
    "default": collections.defaultdict(list, a=[1]),
    "counter": collections.Counter("aab"),
    "user": collections.UserDict(a=[1]),
    "chain": collections.ChainMap({"a": [1]}, {"b": [2]}),
    "named": Named(a=[1]),
    "deque": collections.deque([[1], [2]], maxlen=3),
    "set": {1, 2, Frozen(3)},
    "frozen set": frozenset({(1, 2), Frozen(3)}),
    "bytes": bytearray(b"ab"),
    "proxy": types.MappingProxyType({"a": [1]}),
    "namespace": types.SimpleNamespace(a=[1]),
    "objects": np.array([[1, "a"], [None, 2]], dtype=object),
    "frame": pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}, index=["r", "s"]),
}


@pytest.mark.parametrize("kind", CONTAINERS)
def test_containers_keep_their_type_and_contents(kind: str) -> None:
    old = CONTAINERS[kind]
    new = copied(old)
    assert type(new) is type(old)
    assert new is not old
    assert np.all(new == old)


def test_attributes_of_subclasses_and_the_rest_of_containers() -> None:
    named = Named(a=[1])
    named.note = [2]
    new = copied(named)
    assert new.note == [2]
    assert new.note is not named.note
    for parts in ((1, 2), ([1], 2)):
        marked = Marked(parts)
        marked.note = [2]
        new = copied(marked)
        assert (type(new), new, new.note) == (Marked, parts, [2])
        assert new.note is not marked.note
    assert copied(CONTAINERS["deque"]).maxlen == 3
    assert copied(CONTAINERS["default"])["new"] == []


def test_tuples_of_types_of_c() -> None:
    """As PyTorch returns a maximum and its place."""
    old = time.struct_time(([1], *range(8)))
    new = copied(old)
    assert type(new) is time.struct_time
    assert new == old
    assert new[0] is not old[0]


def test_keys_that_are_hashed_by_what_they_hold() -> None:
    node = Node()
    node.table = {Frozen((1, node)): 1}
    new = copied(node)
    assert new.table[Frozen((1, new))] == 1


def test_weak_references_lead_to_copies_in_any_order() -> None:
    node, child = Node(), Node()
    first, later = Node(), Node()
    node.first, node.later, node.child = first, later, child
    first.to_later, child.parent = weakref.ref(later), weakref.proxy(node)
    node.table = weakref.WeakKeyDictionary({child: 1})
    stranger = Node()
    node.stranger = weakref.ref(stranger)
    copier = Copier()
    new = copier.copy(node)
    assert new.first.to_later() is new.later
    assert new.child.parent.table[new.child] == 1
    assert new.stranger() is stranger
    assert copier.shared == ["stranger"]


def test_arrays_share_memory_as_before() -> None:
    base = np.arange(12.0)
    node = Node()
    node.row, node.all, node.again = base[2:5], base.reshape(3, 4), base[:3]
    new = copied(node)
    new.all[0, 2] = 99
    assert new.row[0] == 99
    assert new.again[2] == 99
    assert base[2] == 2
    assert np.array_equal(copied(base[::-3]), base[::-3])


def test_arrays_of_one_buffer_share_it_in_the_copy() -> None:
    buffer = bytearray(32)
    whole, part = copied([np.frombuffer(buffer), np.frombuffer(buffer)[1:3]])
    whole[2] = 9
    assert part[1] == 9
    assert not any(buffer)


def test_few_rows_of_a_large_array_cost_few_rows() -> None:
    large = np.zeros((10_000, 10))
    new = copied(large[5:7])
    assert np.array_equal(new, large[5:7])
    assert new.base is None or new.base.nbytes < 1000


def test_memory_maps(tmp_path: Any) -> None:
    path = tmp_path / "rows.npy"
    np.save(path, np.arange(4.0))
    read, write = np.load(path, mmap_mode="r"), np.load(path, mmap_mode="r+")
    new_read, new_write = copied([read, write])
    assert new_read is read, "nobody can write into it"
    new_write[0] = 9
    assert write[0] == 0


def test_generators_go_on_as_the_original_would() -> None:
    for make in (np.random.default_rng, random.Random, np.random.RandomState):
        old: Any = make(3)
        new = copied(old)
        assert new is not old
        assert new.random() == old.random()


def test_what_cannot_be_copied_is_shared_and_listed(tmp_path: Any) -> None:
    class Outer(Node):
        """Its locks are deep inside."""

    outer = Outer()
    with (tmp_path / "log").open("w") as file:
        outer.inner = {"lock": threading.Lock(), "file": file}
        outer.items = [1, (i for i in range(3))]
        outer.kind, outer.known, outer.module = Outer, Node, types
        outer.thread = threading.current_thread()
        copier = Copier()
        new = copier.copy(outer, "model")
        assert new.inner["lock"] is outer.inner["lock"]
    found = {"model.inner.lock", "model.inner.file", "model.items[1]", "model.kind", "model.thread"}
    assert set(copier.shared) == found, "classes and modules that all know by name are not listed"


def test_a_copy_that_is_gone_closes_nothing_of_the_original() -> None:
    closed = []

    class Owner:
        def __del__(self) -> None:
            closed.append(self)

    owner = Owner()
    new = copied(owner)
    assert isinstance(new, Owner)
    del new
    assert not closed


def test_no_code_of_the_user_is_run() -> None:
    class Loud:
        def __init__(self) -> None:
            object.__setattr__(self, "parts", [1])

        def __getattribute__(self, name: str) -> Any:
            raise RuntimeError(name)

        def __setattr__(self, name: str, value: Any) -> None:
            raise RuntimeError(name)

        def __deepcopy__(self, memo: Any) -> Any:
            raise RuntimeError

        def __eq__(self, other: object) -> bool:
            raise RuntimeError

        __hash__ = None  # type: ignore[assignment]

    old = Loud()
    new = copied({"x": old})["x"]
    assert object.__getattribute__(new, "__dict__")["parts"] == [1]


def test_chains_longer_than_the_stack() -> None:
    node = first = Node()
    for _ in range(3_000):
        node.next = Node()
        node = node.next
    new, length = copied(first), 0
    while hasattr(new, "next"):
        new, length = new.next, length + 1
    assert length == 3_000


def test_registered_handlers_come_first() -> None:
    class Leaf(Node):
        """A subclass of a registered type."""

    copier = Copier({Node: lambda x, copier, path: copier.share(x, path) if isinstance(x, Leaf) else NotImplemented})
    leaf, node = Leaf(), Node()
    node.leaf = leaf
    new = copier.copy(node)
    assert new is not node
    assert new.leaf is leaf
    assert copier.shared == ["leaf"]


@pytest.mark.parametrize("change", ["append", "rebind", "cell", "slot", "delete"])
def test_containers_are_put_back(change: str) -> None:
    count = 0

    def counter() -> int:
        nonlocal count
        count += 1
        return count

    node = Node()
    node.items, node.slotted, node.counter = [1], Slotted(2), counter
    copier = Copier()
    new = copier.copy(node)
    before = [kind.look(copy) for kind, _, copy, _ in copier.changeable]
    assert all(kind.same(copy, held) for (kind, _, copy, _), held in zip(copier.changeable, before, strict=True))
    {
        "append": lambda: new.items.append(2),
        "rebind": lambda: setattr(new, "items", [1]),
        "cell": new.counter,
        "slot": lambda: setattr(new.slotted, "right", 1),
        "delete": lambda: delattr(new.slotted, "left"),
    }[change]()
    moved = [c.path for c, held in zip(copier.changeable, before, strict=True) if not c.kind.same(c.copy, held)]
    assert len(moved) == 1
    for (kind, _, copy, _), held in zip(copier.changeable, before, strict=True):
        kind.put(copy, held)
    assert (new.items, new.slotted.left, new.counter()) == ([1], 2, 1)
    assert not hasattr(new.slotted, "right")
