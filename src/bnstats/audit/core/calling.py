"""Calls of a model with a batch: with its inputs, without its labels, and in a mode."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any, NamedTuple, TypeVar

from bnstats._checks.safe_text import raised
from bnstats.audit.core.scoring.outputs import LABELS

FLAGS = {
    "train": True,
    "training": True,
    "is_training": True,
    "deterministic": False,
    "use_running_average": False,
    "inference": False,
}
"""Arguments of a model's call that say in which mode it runs, each with its value in training mode."""


def mode_arguments(call: Callable[..., Any], training: bool) -> dict[str, bool]:
    """Return the arguments of a call that set its mode.

    >>> mode_arguments(lambda x, train, deterministic: x, training=True)
    {'train': True, 'deterministic': False}
    """
    named = inspect.signature(call).parameters
    return {name: in_training == training for name, in_training in FLAGS.items() if name in named}


def in_evaluation(call: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """Return the result of a call whose mode is set to evaluation, however its arguments were given."""
    given = inspect.signature(call).bind(*args, **kwargs)
    given.arguments.update(mode_arguments(call, training=False))
    return call(*given.args, **given.kwargs)


class CallInputs(NamedTuple):
    """Inputs that a call takes.

    Attributes
    ----------
    required, optional, keyword : list of str
        Parameters without a default, those whose default is None, and those without a default that are given by name.
        Other defaults make an option of a parameter, not an input.
    by_place : set of str
        Parameters that cannot be given by name.
    args, kwargs : bool
        True if the call takes any number of inputs, or of named ones.
    """

    required: list[str]
    optional: list[str]
    keyword: list[str]
    by_place: set[str]
    args: bool
    kwargs: bool

    @classmethod
    def of(cls, call: Callable[..., Any]) -> CallInputs:
        """Return the inputs of a call; one input where its parameters are not known."""
        try:
            taken = [p for p in inspect.signature(call).parameters.values() if p.name not in (*FLAGS, "self")]
        except (TypeError, ValueError):  # callables of C have none
            taken = [inspect.Parameter("input", inspect.Parameter.POSITIONAL_ONLY)]
        place = [p for p in taken if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
        return cls(
            [p.name for p in place if p.default is p.empty],
            [p.name for p in place if p.default is None],
            [p.name for p in taken if p.kind is p.KEYWORD_ONLY and p.default is p.empty],
            {p.name for p in taken if p.kind is p.POSITIONAL_ONLY},
            any(p.kind is p.VAR_POSITIONAL for p in taken),
            any(p.kind is p.VAR_KEYWORD for p in taken),
        )


Forward = Callable[[Any, Any], Any]
Found = TypeVar("Found")
Given = tuple[tuple[Any, ...], dict[str, Any]]
"""Positional and named inputs of a call."""
Way = Callable[[Any, CallInputs], Given]


def inputs_of(batch: Any, takes: CallInputs) -> Given:
    """Return the inputs of a call with a batch, without its labels.

    A tuple or list is given in order: as many entries as are required, and entries before the last, which are labels,
    as far as the call takes more. Entries of a mapping are given by name; those named as labels are left out unless
    they are required. If a tuple starts with a tuple or a mapping, that holds the inputs. All else is given as it is.

    >>> inputs_of(("x", "edges", "y"), CallInputs.of(lambda x, *rest: x))
    (('x', 'edges'), {})
    >>> inputs_of({"x": 1, "y": 2}, CallInputs.of(lambda x, train: x))
    ((), {'x': 1})
    """
    needed = [*takes.required, *takes.keyword]
    if hasattr(batch, "_fields") and set(needed) <= set(batch._fields):
        batch = batch._asdict()
    if isinstance(batch, Mapping):
        return _named(batch, takes)
    if not isinstance(batch, tuple | list) or not batch:
        return (batch,), {}
    inner = batch[0]
    if isinstance(inner, Mapping):
        return _named(inner, takes)
    if isinstance(inner, tuple | list) and (len(needed) > 1 or takes.args):
        return _placed(inner, takes)
    most = len(batch) if takes.args else len(needed) + len(takes.optional)
    return _placed(batch[: max(len(needed), min(len(batch) - 1, most), 1)], takes)


def _placed(entries: Any, takes: CallInputs) -> Given:
    """Return entries in their order, the last ones under the names that have to be given."""
    count = max(len(entries) - len(takes.keyword), 0)
    return tuple(entries[:count]), dict(zip(takes.keyword, entries[count:], strict=False))


def _named(batch: Mapping[Any, Any], takes: CallInputs) -> Given:
    """Return entries by name; what is still required is taken from the other entries, in order."""
    needed = [*takes.required, *takes.keyword]
    free = {key: value for key, value in batch.items() if key in needed or key not in LABELS}
    known = {key: value for key, value in free.items() if takes.kwargs or key in (*needed, *takes.optional)}
    spare = [value for key, value in free.items() if key not in known]
    if not known and len(needed) < 2:
        return ((batch,) if len(spare) > 1 else tuple(spare)), {}
    known |= zip([name for name in needed if name not in known], spare, strict=False)
    by_place = [name for name in (*takes.required, *takes.optional) if name in takes.by_place and name in known]
    return tuple(known.pop(name) for name in by_place), known


def _required(batch: Any, takes: CallInputs) -> Given:
    return inputs_of(batch, takes._replace(optional=[], args=False, kwargs=False))


def _everything(batch: Any, takes: CallInputs) -> Given:
    if isinstance(batch, Mapping):
        return (), dict(batch)
    return _placed(batch, takes) if isinstance(batch, tuple | list) else ((batch,), {})


def _whole(batch: Any, _: CallInputs) -> Given:
    return (batch,), {}


def _first(batch: Any, _: CallInputs) -> Given:
    if isinstance(batch, Mapping):
        return tuple(islice((value for key, value in batch.items() if key not in LABELS), 1)), {}
    return (batch[0] if isinstance(batch, tuple | list) and batch else batch,), {}


def _attributes(batch: Any, takes: CallInputs) -> Given:
    return (), {name: getattr(batch, name) for name in (*takes.required, *takes.keyword) if hasattr(batch, name)}


WAYS: tuple[Way, ...] = (inputs_of, _required, _everything, _whole, _first, _attributes)
"""Rules in the order in which they are tried until a model runs.

These are the usual one, what is required alone, labels too, the batch as it is, its first entry, or attributes.
"""


def ways(example: Any, takes: CallInputs, usual: Way | None = None) -> Iterator[Way]:
    """Yield the ways that give a call different inputs, the framework's own first."""
    seen = set()
    for way in (usual or inputs_of, *WAYS):
        placed, named = way(example, takes)
        inputs = tuple(map(id, placed)), tuple((name, id(value)) for name, value in named.items())
        if inputs not in seen:
            yield way
        seen.add(inputs)


class Caller:
    """Caller of a model with a batch, as the user says or as its parameters say.

    Parameters
    ----------
    forward : callable (model, batch) -> output, or None
        The user's own call.
    call : callable
        The model's call, for its parameters.
    usual : callable (batch, takes) -> inputs, optional
        The framework's own rule, which comes first.
    """

    def __init__(self, forward: Forward | None, call: Callable[..., Any], usual: Way | None = None) -> None:
        self._forward, self._takes, self._usual = forward, CallInputs.of(call), usual
        self._way = usual or inputs_of

    def __call__(self, model: Callable[..., Any], batch: Any) -> Any:
        """Return the output of a model."""
        if self._forward is not None:
            return self._forward(model, batch)
        placed, named = self._way(batch, self._takes)
        return model(*placed, **named)

    def tried(self, example: Any, run: Callable[[], Found]) -> Found:
        """Return what `run` returns in the first way of calling in which it raises nothing.

        Raises
        ------
        ValueError
            If there is none.
        """
        errors = []
        for way in [self._way] if self._forward else ways(example, self._takes, self._usual):
            self._way = way
            try:
                return run()
            except Exception as error:  # the user's own model may raise anything
                errors.append(error)
        how = "fix forward=" if self._forward else "give forward=, a function (model, batch) -> output"
        raise ValueError(f"the model does not run on the first batch: {raised(errors[0])}; {how}.") from errors[0]
