"""Write network_reference.npz: whole trainings by PyTorch, its autograd and its optimizer.

Runs where torch is installed: `python tests/data/make_network_reference.py`. The tests only read the numbers, and where
torch is installed they also compare with it live. Parameters are flat, in the order of `bnstats.networks.network`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as nn

INPUTS, HIDDEN, CLASSES = 12, (16, 24), 5
ROWS, STEPS, BATCH_SIZE = 200, 50, 16
LEARNING_RATE, EPS, WEIGHT = 0.05, 1e-5, 0.1
FROZEN_AFTER, GHOST_SIZE, GROUPS = 20, 8, 4
R_MAX, D_MAX, SCHEDULE = 1.2, 0.3, (10, 20, 30)
NORMALIZERS = ("none", "batch", "layer", "group", "renorm", "ghost", "frozen", "rms", "batch then group")
OPTIMIZERS = {"plain": (0.0, 0.0), "momentum and decay": (0.9, 0.01)}


class Normalized(torch.nn.Module):
    """What PyTorch has no layer of with scale, shift and running statistics, in a few lines; gradients by autograd."""

    def __init__(self, kind: str, units: int) -> None:
        super().__init__()
        self.kind, self.step = kind, 0
        self.weight, self.bias = torch.nn.Parameter(torch.ones(units)), torch.nn.Parameter(torch.zeros(units))
        if kind != "rms":
            self.register_buffer("running_mean", torch.zeros(units))
            self.register_buffer("running_var", torch.ones(units))

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        value = nn.rms_norm(z, z.shape[1:], eps=EPS) if self.kind == "rms" else self.by_batch(z)
        if self.kind == "batch then group":
            value = nn.group_norm(value, GROUPS, eps=EPS)
        return self.weight * value + self.bias

    def by_batch(self, z: torch.Tensor) -> torch.Tensor:
        self.step += self.training
        if not self.training or (self.kind == "frozen" and self.step > FROZEN_AFTER):
            return (z - self.running_mean) / torch.sqrt(self.running_var + EPS)
        sets = z.reshape(-1, GHOST_SIZE if self.kind == "ghost" else len(z), z.shape[1])
        mean, var = sets.mean(1, keepdim=True), sets.var(1, unbiased=False, keepdim=True)
        value = (sets - mean) / torch.sqrt(var + EPS)
        if self.kind == "renorm":
            start, d_full, r_full = SCHEDULE
            r_max = 1 + (R_MAX - 1) * min(max((self.step - start) / (r_full - start), 0), 1)
            d_max = D_MAX * min(max((self.step - start) / (d_full - start), 0), 1)
            s = torch.sqrt(self.running_var + EPS)
            r = (torch.sqrt(var + EPS) / s).clamp(1 / r_max, r_max).detach()
            value = value * r + ((mean - self.running_mean) / s).clamp(-d_max, d_max).detach()
        with torch.no_grad():
            self.running_mean += WEIGHT * (mean.mean((0, 1)) - self.running_mean)
            self.running_var += WEIGHT * (sets.var(1).mean(0) - self.running_var)
        return value.reshape(z.shape)


def normalizer(kind: str, units: int) -> torch.nn.Module:
    if kind == "batch":
        return torch.nn.BatchNorm1d(units, eps=EPS, momentum=WEIGHT)
    if kind == "layer":
        return torch.nn.LayerNorm(units, eps=EPS)
    return torch.nn.GroupNorm(GROUPS, units, eps=EPS) if kind == "group" else Normalized(kind, units)


def network(kind: str) -> torch.nn.Sequential:
    parts: list[torch.nn.Module] = []
    inputs = INPUTS
    for units in HIDDEN:
        parts.append(torch.nn.Linear(inputs, units, bias=kind == "none"))
        parts += ([] if kind == "none" else [normalizer(kind, units)]) + [torch.nn.ReLU()]
        inputs = units
    return torch.nn.Sequential(*parts, torch.nn.Linear(inputs, CLASSES))


def flat(model: torch.nn.Sequential, kind: str) -> np.ndarray:
    """Weights (inputs, units), shift, scale of each layer."""
    parts = []
    for module in model:
        if isinstance(module, torch.nn.Linear):
            parts += [module.weight.T] + ([] if module.bias is None else [module.bias])
            if kind == "none" and len(parts) < 3 * len(HIDDEN):
                parts.append(torch.ones_like(module.bias))
        elif list(module.parameters()):
            parts += [module.bias, module.weight]
    return np.concatenate([part.detach().numpy().ravel() for part in parts])


def data() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    y = rng.integers(CLASSES, size=ROWS)
    x = rng.normal(size=(ROWS, INPUTS)) + 2 * rng.normal(size=(CLASSES, INPUTS))[y]
    return {"x": x.astype(np.float32), "y": y, "batches": rng.integers(ROWS, size=(STEPS, BATCH_SIZE))}


def train(kind: str, optimizer: str) -> dict[str, np.ndarray]:
    """A training from torch's own initial weights: its losses, running buffers and logits."""
    momentum, decay = OPTIMIZERS[optimizer]
    given = {name: torch.from_numpy(values) for name, values in data().items()}
    torch.manual_seed(0)
    model = network(kind)
    descent = torch.optim.SGD(model.parameters(), lr=LEARNING_RATE, momentum=momentum, weight_decay=decay)
    initial, losses, running = flat(model, kind), [], []
    for rows in given["batches"]:
        descent.zero_grad()
        loss = nn.cross_entropy(model(given["x"][rows]), given["y"][rows])
        loss.backward()
        descent.step()
        losses.append(loss.item())
        kept = [m for m in model if hasattr(m, "running_mean")]
        running.append([torch.cat([getattr(m, f"running_{s}") for m in kept]).numpy() for s in ("mean", "var") if kept])
    logits = model.eval()(given["x"]).detach().numpy()
    running = np.array(running, np.float32)
    return {"initial": initial, "losses": np.array(losses, np.float32), "running": running, "logits": logits}


def main() -> None:
    kept: dict[str, np.ndarray] = {}
    for kind in NORMALIZERS:
        for optimizer in OPTIMIZERS:
            done = train(kind, optimizer)
            done |= {"running": done["running"][9::10], "logits": done["logits"][:20]}
            kept |= {f"{kind}-{optimizer}-{name}": values for name, values in done.items()}
    path = Path(__file__).with_name("network_reference.npz")
    np.savez_compressed(path, made_with=f"torch {torch.__version__}", **data(), **kept)


if __name__ == "__main__":
    main()
