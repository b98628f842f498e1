"""Private copies of Keras models, on the backends of JAX and PyTorch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np

from bnstats.audit.core.array_model import ArrayModel, Handler
from bnstats.audit.core.calling import Caller, CallInputs, Forward, Given
from bnstats.audit.core.copier.copier import Copier
from bnstats.audit.core.copier.references import Handler as CopyHandler
from bnstats.audit.core.protocol import ChannelStatistics
from bnstats.audit.core.trees import as_numpy


def copy_handlers(*, to_be_trained: bool = False) -> dict[type, CopyHandler]:
    """Return how the copier treats types of Keras's backend; classes, modules and compiled functions never change.

    Arrays of JAX do not change either, but training gives their memory to new ones; what is to be trained has its own.
    """
    import keras

    def as_it_is(x: Any, *_: Any) -> Any:
        return x

    if keras.backend.backend() == "torch":
        from bnstats.audit.torch.tensors import handlers

        found = dict(handlers())
    else:
        import jax

        found = dict.fromkeys((jax.Array, type(jax.jit(abs))), as_it_is)
        found |= {jax.Array: lambda x, *_: x.copy()} if to_be_trained else {}
    return found | dict.fromkeys((type, ModuleType), as_it_is)


def copied(model: Any, copier: Copier) -> Any:
    """Return a copy of a Keras model that can be used as the original, and trained if the handlers are for it.

    Raises
    ------
    ValueError
        If the model has no weights yet.
    """
    if not model.built:
        raise ValueError("model has not been built, so it has no weights; run one batch through it first.")
    new = copier.copy(model)
    for name in ("train_function", "test_function", "predict_function"):  # compiled for the original's weights
        if getattr(new, name, None) is not None:
            setattr(new, name, None)
    if hasattr(getattr(new, "optimizer", None), "_trainable_variables_indices"):
        # An optimizer of Keras knows its variables by their identities, which are others in a copy.
        places = enumerate(new.optimizer._trainable_variables)
        new.optimizer._trainable_variables_indices = {new.optimizer._var_key(v): place for place, v in places}
    return new


class KerasModel(ArrayModel):
    """A private copy of a Keras model.

    Parameters
    ----------
    original : keras.Model
        Model that stays as it is.
    example : batch
        Batch that the copy is tried on.
    forward : callable or None
        Calls the model with a batch.
    """

    convention = "keras"

    def __init__(self, original: Any, example: Any, forward: Forward | None) -> None:
        copier = Copier(copy_handlers())
        self._model = copied(original, copier)
        norms = batch_norms(self._model)
        for name, layer in norms.items():
            vars(layer)["call"] = partial(self.taken_over, name, layer, write, layer.call)
        statistics = [v for layer in norms.values() for v in (layer.moving_mean, layer.moving_variance)]
        running, self._contents = {*map(id, statistics)}, copier.contents(statistics)
        pairs = zip(self._model.variables, original.variables, strict=True)
        self._weights = [(own, users) for own, users in pairs if id(own) not in running and not _is_seed(own)]
        self._seeds = [(v, as_numpy(v.value)) for v in [*self._model.variables, *_global_seed()] if _is_seed(v)]
        super().__init__(example, Caller(forward, original.call, _first_of_three), norms)

    def run(self, batch: Any, training: bool, handle: Handler) -> Any:
        """Return the model's output, with every call of a layer done by `handle`."""
        model = partial(self._model, training=training)
        noise = self.seed_of(batch, training)
        for state, kept in self._seeds:
            state.assign(np.array([kept[0], noise]))
        with self.handling(handle), _eagerly(self.eager, noise):
            return self.caller(model, batch)

    @contextmanager
    def restored(self, keep_statistics: bool) -> Iterator[None]:
        """Put back what a pass moves: attributes, weights, seeds and, unless kept, running statistics."""
        statistics = self.get()
        try:
            yield
        finally:
            self._contents.put_back()
            if not keep_statistics:
                self.set(statistics)
            for own, users in self._weights:
                if not _equal(own.value, users.value):
                    own.assign(users.value)
            for state, kept in self._seeds:
                state.assign(kept)

    def get(self) -> dict[str, ChannelStatistics]:
        """Return the running statistics of all layers."""
        return {
            name: ChannelStatistics(
                *(np.asarray(as_numpy(v.value), np.float64) for v in (x.moving_mean, x.moving_variance))
            )
            for name, x in self.norms.items()
            if x.moving_mean is not None
        }

    def set(self, statistics: Mapping[str, ChannelStatistics]) -> None:
        """Replace the running statistics of these layers."""
        write(self.norms, statistics)


def batch_norms(model: Any) -> dict[str, Any]:
    """Return the batch-norm layers of a Keras model by their paths: those with moving mean and variance."""
    found: dict[str, Any] = {}
    for layer in model._flatten_layers():
        if hasattr(layer, "moving_mean") and hasattr(layer, "moving_variance"):
            name = (layer.path or layer.name).removeprefix(f"{model.name}/")
            found[name if name not in found else f"{name}#{len(found)}"] = layer
    return found


def write(layers: Mapping[str, Any], statistics: Mapping[str, ChannelStatistics]) -> None:
    """Replace the running statistics of layers."""
    for name, (mean, var) in statistics.items():
        layers[name].moving_mean.assign(mean)
        layers[name].moving_variance.assign(var)


def _first_of_three(batch: Any, _: CallInputs) -> Given:
    """Return the inputs of a batch, which is (x, y, sample_weight) in Keras."""
    import keras

    return (keras.utils.unpack_x_y_sample_weight(batch)[0],), {}


def _is_seed(variable: Any) -> bool:
    return bool(variable.path.rpartition("/")[2] == "seed_generator_state")


def _global_seed() -> list[Any]:
    """Return the state of the generator that layers without a seed draw from, once there is one."""
    from keras.src.backend.common import global_state  # Keras has no public name for it

    generator = global_state.get_global_attribute("global_seed_generator")
    return [] if generator is None else [generator.state]


def _equal(own: Any, users: Any) -> bool:
    """Return True if a weight is the user's: the same array of JAX, which never changes, or equal values."""
    return bool(own.equal(users)) if hasattr(own, "untyped_storage") else own is users


@contextmanager
def _eagerly(needed: bool, noise: int) -> Iterator[None]:
    """Run without gradients and, where needed, without compiling; PyTorch's own dropout draws from this seed."""
    import keras

    if keras.backend.backend() == "torch":
        import torch

        with torch.no_grad(), torch.random.fork_rng():
            torch.manual_seed(noise)
            yield
    else:
        import jax

        with jax.disable_jit() if needed else nullcontext():
            yield
