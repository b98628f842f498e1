"""Copies of Keras models, along their references."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from bnstats.audit.core.copier.copier import Copier
from bnstats.audit.core.copier.references import Handler


def copy_handlers(*, to_be_trained: bool = False) -> dict[type, Handler]:
    """Return how the copier treats types of Keras's backend; classes, modules and compiled functions never change.

    Arrays of JAX do not change either, but training gives their memory to new ones; what is to be trained has its own.
    """
    import keras

    if keras.backend.backend() == "torch":
        from bnstats.audit.torch.tensors import handlers

        found = dict(handlers())
    else:
        import jax

        found = dict.fromkeys((jax.Array, type(jax.jit(abs))), _as_it_is)
        found |= {jax.Array: _own_memory} if to_be_trained else {}
    return found | dict.fromkeys((type, ModuleType), _as_it_is)


def _as_it_is(x: Any, *_: Any) -> Any:
    return x


def _own_memory(x: Any, *_: Any) -> Any:
    return x.copy()


def copied(model: Any, *, to_be_trained: bool = False) -> Any:
    """Return a copy of a Keras model that can be used as the original; trained, only if that is said.

    Raises
    ------
    ValueError
        If the model has no weights yet.
    """
    if not model.built:
        raise ValueError("model has not been built, so it has no weights; run one batch through it first.")
    new = Copier(copy_handlers(to_be_trained=to_be_trained)).copy(model)
    for name in ("train_function", "test_function", "predict_function"):  # compiled for the original's weights
        if getattr(new, name, None) is not None:
            setattr(new, name, None)
    if to_be_trained and hasattr(getattr(new, "optimizer", None), "_trainable_variables_indices"):
        # An optimizer of Keras knows its variables by their identities, which are others in a copy.
        places = enumerate(new.optimizer._trainable_variables)
        new.optimizer._trainable_variables_indices = {new.optimizer._var_key(v): place for place, v in places}
    return new
