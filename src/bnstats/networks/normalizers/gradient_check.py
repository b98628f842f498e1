"""Check of a normalizer's backward against finite differences of its forward, in float64."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from bnstats._checks.array_types import FloatArray, IntArray
from bnstats._checks.safe_text import raised
from bnstats.networks.kernels.layers import LayerState
from bnstats.networks.normalizers.normalizer import Normalizer, moments

PROBES = 256  # entries of z that are compared
LEAST_ROWS = 8  # normalized values of fewer rows hardly depend on z
STEPS = (1e-4, 1e-6)  # the better step counts, because the other one may straddle a kink, such as that of |z|
READ = ("running_mean", "running_var", "settings")  # fields of the state that a normalizer must not write
WRITTEN = ("mean", "var", "memory")  # fields that it may write, as far as they were declared
TOLERANCE = 1e-4  # relative to the largest entry; rounding causes errors of 1e-7, the difference formula of 1e-12


@lru_cache
def check_gradient(normalizer: Normalizer, rows: int, units: int, eps: float) -> None:
    """Raise ValueError, with a diagnosis, unless backward is the gradient of forward for this layer size.

    Values and gradients are random, from a fixed seed, so the check always gives the same result. It misses a wrong
    entry only if the entry is not among the 256 that are compared.
    """
    rows *= -(-LEAST_ROWS // rows)
    rng = np.random.default_rng(0)
    z = rng.normal(size=(rows, units)) * rng.uniform(0.5, 2, units) + rng.normal(size=units)
    direction = rng.normal(size=z.shape)
    state, beyond = _with_room(normalizer.state(rows, units, eps, np.float64), rows)
    state.mean[:], state.var[:] = np.nan, np.nan
    value = _forward(normalizer, z, state)
    _check_room(normalizer, "forward", beyond)
    _check_forward(normalizer, z, value, state)
    if normalizer.uses_batch:
        _check_statistics(normalizer, z, state)
    if not normalizer.exact_gradient:
        return
    gradient = direction.copy()
    _call(normalizer, "backward", gradient, value.copy(), state)
    _check_room(normalizer, "backward", beyond)
    places = rng.permutation(z.size)[:PROBES]
    differences = np.array([_difference(normalizer, z, direction, state, place, gradient) for place in places])
    _compare(normalizer, gradient.ravel()[places], differences, np.array(np.unravel_index(places, z.shape)))


def _with_room(state: LayerState, rows: int) -> tuple[LayerState, dict[str, FloatArray]]:
    """Return a state with NaN behind each array, and what lies there: compiled code writes beyond an array unseen."""
    padded = {name: np.pad(getattr(state, name), ((0, rows), (0, 0)), constant_values=np.nan) for name in WRITTEN}
    sizes = {name: len(getattr(state, name)) for name in WRITTEN}
    inside = {name: array[: sizes[name]] for name, array in padded.items()}
    return state._replace(**inside), {name: array[sizes[name] :] for name, array in padded.items()}


def _check_room(normalizer: Normalizer, name: str, beyond: dict[str, FloatArray]) -> None:
    if written := [field for field, array in beyond.items() if not np.isnan(array).all()]:
        raise ValueError(
            f"{name} of normalizer {normalizer.name!r} writes beyond state.{written[0]}; declare what it writes: "
            "uses_batch = True, with set_rows, for mean and var, and memory_rows for memory."
        )


def _forward(normalizer: Normalizer, z: FloatArray, state: LayerState) -> FloatArray:
    value = z.copy()
    _call(normalizer, "forward", value, state)
    return value


def _call(normalizer: Normalizer, name: str, *arguments: FloatArray | LayerState) -> None:
    *_, state = arguments
    read_only = {"value": arguments[1:-1], **{field: (getattr(state, field),) for field in READ}}
    before = {field: [array.tobytes() for array in arrays] for field, arrays in read_only.items()}
    try:
        returned = getattr(normalizer, name)(*arguments)
    except Exception as error:  # the user's own function may raise anything
        raise ValueError(f"{name} of normalizer {normalizer.name!r} raises {raised(error)}.") from error
    if returned is not None:
        raise ValueError(
            f"{name} of normalizer {normalizer.name!r} returns {type(returned).__name__}; it changes its first "
            "argument in place, as in z -= z.mean(), and returns nothing."
        )
    for field, arrays in read_only.items():
        if [array.tobytes() for array in arrays] != before[field]:
            raise ValueError(
                f"{name} of normalizer {normalizer.name!r} writes into {field}, which is read elsewhere; copy the "
                "array first, as in x = x.copy()."
            )


def _check_forward(normalizer: Normalizer, z: FloatArray, value: FloatArray, state: LayerState) -> None:
    said = f"forward of normalizer {normalizer.name!r}"
    if not np.isfinite(value).all():
        raise ValueError(f"{said} returns values that are not finite for inputs of order 1.")
    if (value == z).all():
        raise ValueError(f"{said} leaves z as it is; it changes z in place, as in z -= z.mean().")
    if normalizer.uses_batch and not np.isfinite([state.mean, state.var]).all():
        raise ValueError(f"{said} leaves state.mean or state.var unwritten, which the running statistics follow.")


def _check_statistics(normalizer: Normalizer, z: FloatArray, state: LayerState) -> None:
    """Raise ValueError if the statistics that `forward` writes are not those of `statistics`, by default moments."""
    size = normalizer.set_rows(len(z))
    if len(state.mean) * size != len(z):  # not all rows enter the statistics
        return
    for mean, var, rows in zip(state.mean, state.var, z.reshape(-1, size, z.shape[1]), strict=True):
        right = moments(rows) if normalizer.moments else normalizer.statistics(rows.copy())
        if not all(map(_close, (mean, var), right)):
            fault = (
                "what is not the mean and biased variance of its rows; declare moments = False and give the normalizer "
                "statistics(z), of rows, and follow(state, weight), of the running ones."
                if normalizer.moments
                else "other statistics of rows than its statistics(z) returns."
            )
            raise ValueError(f"forward of normalizer {normalizer.name!r} writes to state.mean and state.var {fault}")


def _close(found: FloatArray, right: FloatArray) -> bool:
    return np.shape(right) == found.shape and np.allclose(found, right, rtol=TOLERANCE, atol=TOLERANCE)


def _difference(
    normalizer: Normalizer,
    z: FloatArray,
    direction: FloatArray,
    state: LayerState,
    place: int,
    gradient: FloatArray,
) -> float:
    """Return the derivative of sum(direction * forward(z)) at one entry of z.

    The derivative is computed by central differences of fourth order.
    """
    found = []
    for step in STEPS:
        total = 0.0
        for steps, weight in ((1, 8), (-1, -8), (2, -1), (-2, 1)):
            moved = z.copy()
            moved.ravel()[place] += steps * step
            total += weight * float(np.sum(direction * _forward(normalizer, moved, state)))
        found.append(total / (12 * step))
    return min(found, key=lambda value: abs(value - gradient.ravel()[place]))


def _compare(normalizer: Normalizer, given: FloatArray, right: FloatArray, places: IntArray) -> None:
    error = np.where(np.isfinite(given), given - right, np.inf)
    allowed = TOLERANCE * np.abs(right).max()
    worst = int(np.abs(error).argmax())
    if abs(error[worst]) > allowed:
        row, unit = places[:, worst]
        raise ValueError(
            f"backward of normalizer {normalizer.name!r} is not the gradient of its forward: at row {row}, unit {unit} "
            f"it gives {given[worst]:.6g}, finite differences {right[worst]:.6g}{_diagnosis(given, right, places)}."
        )


def _diagnosis(given: FloatArray, right: FloatArray, places: IntArray) -> str:
    """Return the places of the wrong entries, and the mistake that explains them if it is a common one."""
    wrong = ~(np.abs(given - right) <= TOLERANCE * np.abs(right).max())
    where, here = "", np.ones(wrong.size, dtype=bool)
    for axis, one in ((1, "unit"), (0, "row")):
        members = np.unique(places[axis][wrong])
        if members.size <= np.unique(places[axis]).size // 2:
            named = ", ".join(map(str, members[:5])) + (f" and {members.size - 5} more" if members.size > 5 else "")
            where, here = f" in {one}{'s' if members.size > 1 else ''} {named} alone", np.isin(places[axis], members)
            break
    kind = _kind_of_mistake(given[here], right[here], places[:, here])
    entries = f"{wrong.sum()} of {wrong.size} entries are wrong"
    if where:
        return f"; {entries},{where}{kind and f', where {kind}'}"
    return f"; {kind or entries}"


def _kind_of_mistake(given: FloatArray, right: FloatArray, places: IntArray) -> str:
    """Return the mistake that explains all errors to a thousandth of the largest; empty if none does."""
    if not np.isfinite(given).all():
        return ""
    error, squares = given - right, float(right @ right)
    explained = 1e-3 * np.abs(error).max()
    factor = float(given @ right) / squares if squares else 0.0
    if squares and np.abs(given - factor * right).max() < explained:
        return f"all entries are {factor:.4g} times the right ones"
    for axis, (others, set_name) in enumerate((("units", "row"), ("rows", "unit"))):
        members = [error[places[axis] == k] for k in np.unique(places[axis])]
        if max(map(np.size, members)) > 1 and max(np.ptp(each) for each in members) < explained:
            return f"the error is the same in all {others} of a {set_name}, as if the gradient of a mean were left out"
    return ""
