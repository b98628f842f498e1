"""Inputs of a model's call with a batch: what a signature takes of it, labels left out."""
# ruff: noqa: ARG001, ARG005 - signatures are what is tested

from __future__ import annotations

import functools
from collections import UserDict, namedtuple
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from bnstats.audit.core.calling import Caller, CallInputs, inputs_of

Triple = namedtuple("Triple", ["edges", "x", "y"])
BY_NAME = {"x": "X", "edges": "E", "y": "Y"}


def decorated(call: Any) -> Any:
    @functools.wraps(call)
    def inner(*args: Any, **kwargs: Any) -> Any:
        return call(*args, **kwargs)

    return inner


class Module:
    def forward(self, x: Any, edges: Any) -> Any:
        """Take two inputs."""


def place_only(x: Any, mask: Any = None, /, scale: float = 1.0) -> Any:
    """Take inputs by place."""


XEY = ("X", "E", "Y")
CASES: list[tuple[Any, Any, tuple[Any, ...], dict[str, Any]]] = [
    # tuples and lists: the last entry holds labels unless it is required
    (lambda x: x, XEY, ("X",), {}),
    (lambda x: x, ["X", "Y"], ("X",), {}),
    (lambda x: x, ("X",), ("X",), {}),
    (lambda x, e: x, XEY, ("X", "E"), {}),
    (lambda x, e: x, ("X", "E"), ("X", "E"), {}),
    (lambda x, e, y: x, XEY, XEY, {}),
    (lambda x, *rest: x, XEY, ("X", "E"), {}),
    (lambda x, *rest: x, ("X", "Y"), ("X",), {}),
    (lambda *args, **kwargs: args, XEY, ("X", "E"), {}),
    (lambda x, mask=None: x, XEY, ("X", "E"), {}),
    (lambda x, mask=None: x, ("X", "Y"), ("X",), {}),
    (lambda x, mask=None, more=None: x, XEY, ("X", "E"), {}),
    (lambda x, pool=True, scale=1.0: x, XEY, ("X",), {}),
    (lambda x, *, edges: x, XEY, ("X",), {"edges": "E"}),
    (lambda x, *, edges=None: x, XEY, ("X",), {}),
    (lambda x, train: x, XEY, ("X",), {}),
    (place_only, XEY, ("X", "E"), {}),
    (decorated(lambda x, e: x), XEY, ("X", "E"), {}),
    (functools.partial(lambda scale, x, e: x, 2.0), XEY, ("X", "E"), {}),
    (functools.partial(lambda x, e, scale: x, scale=2.0), XEY, ("X", "E"), {}),
    (Module().forward, XEY, ("X", "E"), {}),
    (Module.forward, XEY, ("X", "E"), {}),
    # a first entry that holds several inputs
    (lambda x, e: x, (("X", "E"), "Y"), ("X", "E"), {}),
    (lambda x: x, (("X", "E"), "Y"), (("X", "E"),), {}),
    (lambda edges, x: x, ({"x": "X", "edges": "E"}, "Y"), (), {"x": "X", "edges": "E"}),
    # mappings and named tuples
    (lambda x, edges: x, BY_NAME, (), {"x": "X", "edges": "E"}),
    (lambda x, edges: x, UserDict(BY_NAME), (), {"x": "X", "edges": "E"}),
    (lambda x, edges: x, Triple("E", "X", "Y"), (), {"x": "X", "edges": "E"}),
    (lambda a, b: a, Triple("E", "X", "Y"), ("E", "X"), {}),
    (lambda x, edges=None, y=None: x, BY_NAME, (), {"x": "X", "edges": "E"}),
    (lambda x, y: x, BY_NAME, (), {"x": "X", "y": "Y"}),
    (lambda x, **others: x, BY_NAME, (), {"x": "X", "edges": "E"}),
    (lambda image, edges: image, BY_NAME, (), {"image": "X", "edges": "E"}),
    (lambda image: image, {"x": "X", "y": "Y"}, ("X",), {}),
    (lambda batch: batch, BY_NAME, (BY_NAME,), {}),
    (place_only, BY_NAME, ("X",), {}),
    (place_only, {"mask": "E", "x": "X"}, ("X", "E"), {}),
    # anything else, and callables that tell nothing
    (lambda x: x, "X", ("X",), {}),
    (max, XEY, ("X",), {}),
    (lambda x: x, (), ((),), {}),
]


@pytest.mark.parametrize("k", range(len(CASES)))
def test_what_a_signature_takes_of_a_batch(k: int) -> None:
    call, batch, placed, named = CASES[k]
    assert inputs_of(batch, CallInputs.of(call)) == (placed, named)


@dataclass
class Graph:
    x: Any
    edges: Any


def bare(*args: Any, **kwargs: Any) -> Any:
    """Hand on everything, and hide that one input is taken."""
    (x,) = args
    assert not kwargs
    return x + ""


def unpacked(batch: Any) -> Any:
    x, edges = batch
    return x + edges


TRIED: list[tuple[Any, Any, Any]] = [
    (bare, XEY, "X"),  # too many inputs: one is tried
    (bare, BY_NAME, "X"),
    (lambda x, mask=None: x if mask is None else 1 / 0, XEY, "X"),
    (lambda x, edges=None: x + edges, ("X", "E"), "XE"),  # a pair without labels
    (unpacked, ("X", "E"), "XE"),
    (lambda x, edges: x + edges, Graph("X", "E"), "XE"),
    (lambda batch: batch["x"][0], {"x": "X", "y": "Y"}, "X"),
    (lambda x, edges=None, y=None: y + x, BY_NAME, "YX"),  # its loss is part of the output
]


@pytest.mark.parametrize("k", range(len(TRIED)))
def test_other_ways_are_tried_where_a_model_does_not_run(k: int) -> None:
    call, batch, expected = TRIED[k]
    caller = Caller(None, call)
    with pytest.raises(Exception, match=r".+"):
        assert caller(call, batch) == expected, "the first way differs"
    assert caller.tried(batch, lambda: caller(call, batch)) == expected
    assert caller(call, batch) == expected  # and are kept for the batches that follow


def test_the_first_error_is_the_one_that_is_told() -> None:
    def call(x: Any, mask: Any = None) -> Any:
        raise ValueError("with a mask" if mask else "without")

    caller = Caller(None, call)
    with pytest.raises(ValueError, match="ValueError: with a mask; give forward="):
        caller.tried(XEY, lambda: caller(call, XEY))
    runs = []

    def failing(model: Any, batch: Any) -> Any:
        runs.append(batch)
        raise KeyError("x")

    caller = Caller(failing, call)
    with pytest.raises(ValueError, match="fix forward="):
        caller.tried(XEY, lambda: caller(call, XEY))
    assert len(runs) == 1  # what the user says is not second-guessed


# ---- models of PyTorch


def graph_network() -> Any:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install 'bnstats[torch]'")

    class Mixed(torch.nn.Module):
        """Mixes rows by a matrix that comes with the batch."""

        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(1)
            self.first, self.norm, self.last = torch.nn.Linear(4, 8), torch.nn.BatchNorm1d(8), torch.nn.Linear(8, 3)

        def forward(self, x: Any, *rest: Any, **named: Any) -> Any:
            (edges,) = rest or (named["edges"],)
            return self.last(torch.relu(self.norm(edges @ self.first(x))))

    return Mixed()


def scripted_inside() -> Any:
    network = graph_network()
    import torch

    network.first = torch.jit.script(network.first)
    return network


def decorated_outside() -> Any:
    network = graph_network()
    network.forward = functools.partial(network.forward)
    return network


FORMS = {
    "tuple": lambda x, edges, y: (x, edges, y),
    "list without labels": lambda x, edges, y: [x, edges],
    "nested": lambda x, edges, y: ((x, edges), y),
    "mapping": lambda x, edges, y: {"x": x, "edges": edges, "y": y},
    "named tuple": lambda x, edges, y: Triple(edges, x, y),
}


@pytest.mark.filterwarnings("ignore:.*torch.jit")
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("make", [graph_network, scripted_inside, decorated_outside])
def test_graph_models_are_audited_without_forward(make: Any, form: str) -> None:
    network = make()
    import torch

    from bnstats import audit
    from bnstats.audit.torch import FRAMEWORK

    generator = torch.Generator().manual_seed(0)
    graphs = [(torch.randn(n, 4, generator=generator), torch.eye(n) * 3, torch.arange(n) % 3) for n in range(20, 36)]
    batches = [FORMS[form](*graph) for graph in graphs]
    copy = FRAMEWORK.isolate(network, batches[0])
    expected = network.eval()(graphs[3][0], graphs[3][1]).detach().numpy()
    np.testing.assert_allclose(copy.to_numpy(copy.eval_pass(batches[3])), expected, rtol=1e-5, atol=1e-6)
    assert audit(network, batches).cause == "never_updated"
