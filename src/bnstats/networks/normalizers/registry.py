"""Registry of all normalizers by name; it contains each subclass of `Normalizer` in this folder."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path

from bnstats.networks.normalizers.normalizer import Normalizer


def _found() -> dict[str, type[Normalizer]]:
    package = __name__.rpartition(".")[0]
    files = sorted(found.name for found in pkgutil.iter_modules([str(Path(__file__).parent)]))
    modules = [importlib.import_module(f"{package}.{name}") for name in files if f"{package}.{name}" != __name__]
    kinds = [kind for module in modules for kind in vars(module).values() if isinstance(kind, type)]
    return {kind.__name__: kind for kind in kinds if issubclass(kind, Normalizer) and kind is not Normalizer}


CLASSES: dict[str, type[Normalizer]] = _found()
NORMALIZERS: dict[str, Normalizer] = {kind.name: kind() for kind in CLASSES.values()}


def is_builtin(normalizer: Normalizer) -> bool:
    """Return True for a normalizer of this folder, whose gradient is checked by the tests."""
    return type(normalizer) in CLASSES.values()


def refuse_empty(normalizer: Normalizer) -> None:
    """Raise ValueError for a user's subclass that lacks functions, or overrides nothing of its base."""
    kind = type(normalizer)
    missing = [name for name in ("name", "forward", "backward") if not hasattr(kind, name)]
    if missing:
        raise ValueError(
            f"normalizer {kind.__name__} has no {' and no '.join(missing)}; a normalizer is a name and two functions, "
            "forward(z, state) and backward(gradient, value, state)."
        )
    own = {name for base in kind.__mro__ if base not in (*CLASSES.values(), *Normalizer.__mro__) for name in vars(base)}
    changeable = {name for name in ("forward", "backward", *vars(Normalizer)) if not name.startswith("_")}
    if not is_builtin(normalizer) and not own & (changeable - {"of"}):
        raise ValueError(
            f"normalizer {kind.__name__} overrides nothing of {kind.__mro__[1].__name__}; give it a forward and a "
            f"backward of its own, or use {kind.__mro__[1].__name__} itself."
        )
