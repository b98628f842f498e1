"""Write running_reference.json: running statistics as the frameworks themselves keep them.

Runs where torch, keras, flax, dm-haiku and jax are installed: `python tests/data/make_running_reference.py`. The tests
only read the JSON. All layers see the same float32 batches, of several sizes, and then evaluate the first one.
"""

from __future__ import annotations

import json
import os
from importlib.metadata import version
from pathlib import Path

os.environ["KERAS_BACKEND"] = "jax"

import haiku as hk
import jax
import keras
import numpy as np
import torch
from flax import nnx

ROWS = (8, 8, 3, 2, 16, 5)
SCALE, SHIFT = np.array([1.0, 0.01, 5.0]), np.array([0.0, 0.5, -20.0])


def batches() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [(rng.normal(size=(n, 3)) * SCALE + SHIFT).astype(np.float32) for n in ROWS]


def record(package: str, convention: str, momentum: object, steps: list[tuple], evaluated: object) -> dict:
    mean, var = ([np.asarray(buffer, np.float64).tolist() for buffer in kept] for kept in zip(*steps, strict=True))
    output = np.asarray(evaluated, np.float64).tolist()
    made_with = f"{package} {version(package)}"
    return {"convention": convention, "momentum": momentum, "made_with": made_with, "mean": mean, "var": var} | {
        "evaluated": output
    }


def of_torch(given: object, **kwargs: object) -> dict:
    layer, steps = torch.nn.BatchNorm1d(3, **kwargs), []
    for x in batches():
        layer(torch.from_numpy(x))
        steps.append((layer.running_mean.numpy().copy(), layer.running_var.numpy().copy()))
    output = layer.eval()(torch.from_numpy(batches()[0])).detach().numpy()
    return record("torch", "torch", given, steps, output)


def of_keras(given: object, **kwargs: object) -> dict:
    layer, steps = keras.layers.BatchNormalization(**kwargs), []
    for x in batches():
        layer(x, training=True)
        steps.append((np.array(layer.moving_mean), np.array(layer.moving_variance)))
    return record("keras", "keras", given, steps, layer(batches()[0], training=False))


def of_flax(given: object, **kwargs: object) -> dict:
    layer, steps = nnx.BatchNorm(3, rngs=nnx.Rngs(0), **kwargs), []
    for x in batches():
        layer(x, use_running_average=False)
        steps.append((np.array(layer.mean[...]), np.array(layer.var[...])))
    return record("flax", "flax", given, steps, layer(batches()[0], use_running_average=True))


def of_haiku(given: object, decay_rate: float) -> dict:
    layer = hk.transform_with_state(
        lambda x, is_training: hk.BatchNorm(create_scale=False, create_offset=False, decay_rate=decay_rate)(
            x, is_training
        )
    )
    params, state = layer.init(jax.random.key(0), batches()[0], True)
    # init leaves the averages as they would be before the first batch: zeros, counter 0.
    steps = []
    for x in batches():
        _, state = layer.apply(params, state, None, x, True)
        kept = (state[f"batch_norm/~/{name}_ema"]["average"][0] for name in ("mean", "var"))
        steps.append(tuple(np.array(value) for value in kept))
    output, _ = layer.apply(params, state, None, batches()[0], False)
    return record("dm-haiku", "haiku", given, steps, output)


def main() -> None:
    cases = [
        of_torch("default"),
        of_torch(0.3, momentum=0.3),
        of_torch(1.0, momentum=1.0),
        of_torch(None, momentum=None),
        of_keras("default"),
        of_keras(1 - 0.9, momentum=0.9),
        of_flax("default"),
        of_flax(1 - 0.9, momentum=0.9),
        of_haiku(1 - 0.99, decay_rate=0.99),
        of_haiku(1 - 0.9, decay_rate=0.9),
    ]
    reference = {"batches": [x.astype(np.float64).tolist() for x in batches()], "cases": cases}
    path = Path(__file__).with_name("running_reference.json")
    path.write_text(json.dumps(reference, indent=1) + "\n")


if __name__ == "__main__":
    main()
