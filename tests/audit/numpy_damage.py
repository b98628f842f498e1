"""Networks in NumPy that are broken in one way each, and networks that a cause's fix helps without its evidence."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
from numpy_model import Dense, Net, NumpyFramework, batches, network, rows, trained

from bnstats.audit.core.audit import AuditOptions, run
from bnstats.audit.core.result import Audit

FRAMEWORK = NumpyFramework()


@dataclass
class Damaged:
    """A network, its loader, and further options of the audit."""

    net: Net
    loader: Any = None
    options: dict[str, Any] = field(default_factory=dict)

    def audited(self) -> Audit:
        loader = batches(30, 32, 5) if self.loader is None else self.loader
        return run(FRAMEWORK, self.net, loader, AuditOptions(**self.options))


@cache
def _sound(convention: str = "torch") -> Net:
    return trained(convention=convention)


def sound(convention: str = "torch") -> Net:
    return copy.deepcopy(_sound(convention))


def changed(net: Net, change: Callable[[Any], None], chosen: slice = slice(None)) -> Net:
    for norm in net.norms[chosen]:
        change(norm)
    return net


def start(norm: Any) -> None:
    norm.mean, norm.var, norm.updates = np.zeros_like(norm.mean), np.ones_like(norm.var), 0


def updated(net: Net, loader: list[Any], **values: Any) -> Net:
    """Update the statistics at fixed weights."""
    for norm in net.norms:
        for name, value in values.items():
            setattr(norm, name, value)
    net.updating = True
    for x, _ in loader:
        net(x, "train")
    return net


def moved(net: Net, by: float = 0.15) -> Net:
    """Move the weights, all in the directions in which they are."""
    rng = np.random.default_rng(7)
    for part in net.parts:
        if isinstance(part, Dense):
            part.w = part.w * (1 + by) + by * part.w.std() * rng.normal(size=part.w.shape)
    return net


def noisy(weight: float, size: int = 6, count: int = 60) -> Damaged:
    return Damaged(updated(sound(), batches(count, size, 31), weight=weight), batches(100, size, 6))


def never_updated() -> Damaged:
    return Damaged(changed(sound(), start))


def never_updated_one_layer() -> Damaged:
    return Damaged(changed(sound(), start, slice(1, 2)))


def near_start() -> Damaged:
    def almost(norm: Any) -> None:
        norm.mean, norm.var = np.full_like(norm.mean, 0.01), np.full_like(norm.var, 1.01)

    return Damaged(changed(sound(), almost))


def start_remains() -> Damaged:
    return Damaged(updated(changed(sound(), start), batches(60, 32, 8), weight=0.01))


def counter_of_other_training() -> Damaged:
    """Stale statistics under a counter that says that start values weigh .55."""
    return Damaged(changed(moved(sound()), lambda norm: vars(norm).update(weight=0.01, updates=60)))


def stale() -> Damaged:
    return Damaged(moved(sound()))


def uncounted() -> Net:
    """A sound network whose layers do not count their updates, as in Keras and Flax."""
    net = sound("keras")
    net.counts = False
    return net


def stale_uncounted() -> Damaged:
    return Damaged(moved(uncounted()))


def few_rows() -> Damaged:
    """Statistics of two batches of six rows, in a network without counters."""
    net = updated(updated(uncounted(), batches(1, 6, 32), weight=1.0), batches(1, 6, 33), weight=0.5)
    return Damaged(changed(net, lambda norm: vars(norm).update(weight=0.1)), batches(100, 6, 6))


def toward_start() -> Damaged:
    """One layer's statistics are nearer to the start values, along another line than updates take."""

    def nearer(norm: Any) -> None:
        kept = np.random.default_rng(3).uniform(0.1, 0.9, (2, len(norm.mean)))
        norm.mean, norm.var = kept[0] * norm.mean, 1 + kept[1] * (norm.var - 1)

    return Damaged(changed(uncounted(), nearer, slice(1)))


def short_last_batch() -> Damaged:
    """The last update, which weighs half, saw two rows."""
    net = updated(sound(), batches(20, 32, 34), weight=0.5)
    return Damaged(updated(net, batches(1, 2, 35)), batches(60, 32, 6))


def large_variances() -> Damaged:
    return Damaged(changed(sound("keras"), lambda norm: vars(norm).update(var=norm.var * 2)))


def negative_variance() -> Damaged:
    def negative(norm: Any) -> None:
        norm.var[2] = -0.1

    return Damaged(changed(sound(), negative, slice(1)))


def not_a_number() -> Damaged:
    def missing(norm: Any) -> None:
        norm.mean[0] = np.nan

    return Damaged(changed(sound(), missing, slice(1, 2)))


def huge_variance() -> Damaged:
    def huge(norm: Any) -> None:
        norm.var[:3] = 1e12

    return Damaged(changed(sound(), huge, slice(1)))


def batch_statistics() -> Damaged:
    return Damaged(changed(sound(), lambda norm: vars(norm).update(always=True)))


def batch_statistics_of_one_layer() -> Damaged:
    return Damaged(changed(sound(), lambda norm: vars(norm).update(always=True), slice(1, 2)))


def dropout() -> Damaged:
    return Damaged(trained(dropout=0.6, steps=600))


def stale_under_weak_dropout() -> Damaged:
    return Damaged(moved(trained(dropout=0.02)))


def small_batches() -> Damaged:
    return Damaged(trained(size=2, steps=3000, rate=0.05), batches(300, 2, 6))


def streams(apart: float) -> Damaged:
    """Both halves of a batch go through each layer on their own; those of the second half are moved."""

    def two(count: int, seed: int) -> list[Any]:
        made = batches(count, 32, seed)
        for x, _ in made:
            x[16:] = x[16:] * (0.4 if apart else 1.0) - apart
        return made

    net = network()
    for k, (x, y) in enumerate(two(600, 50)):
        for half in (slice(0, 16), slice(16, 32)):
            net.step(x[half], y[half], 0.1 * (1 - k / 600))
    net.streams = 2
    return Damaged(net if apart else changed(net, lambda norm: vars(norm).update(var=norm.var * 3)), two(40, 9))


def one_class(count: int, size: int, seed: int, **options: Any) -> list[Any]:
    x, y = rows(count * size, seed, **options)
    order = np.argsort(y, kind="stable")
    cut = [(x[order][i : i + size], y[order][i : i + size]) for i in range(0, count * size, size)]
    return [cut[k] for k in np.random.default_rng(seed).permutation(count)]


def mostly_one_class(count: int, size: int, seed: int) -> list[Any]:
    """Batches whose rows are of one class to seven tenths."""
    made, cut = [], size * 7 // 10
    pairs = zip(one_class(count, size, seed, apart=1.0), batches(count, size, seed + 1, apart=1.0), strict=True)
    for alike, mixed in pairs:
        made.append(tuple(np.concatenate([a[:cut], m[cut:]]) for a, m in zip(alike, mixed, strict=True)))
    return made


def grouped() -> Damaged:
    return Damaged(trained(data=mostly_one_class(600, 32, 70), steps=600), mostly_one_class(60, 32, 8))


def other_eps() -> Damaged:
    net, loader = network(), [(x / 8, y) for x, y in batches(600, 32, 44)]
    changed(net, lambda norm: vars(norm).update(eps=0.1))
    for part in net.parts:
        if isinstance(part, Dense):
            part.w *= 0.4
    for k, (x, y) in enumerate(loader):
        net.step(x, y, 0.1 * (1 - k / 600))
    updated(net, loader[:200])
    return Damaged(changed(net, lambda norm: vars(norm).update(eps=1e-5)), [(x / 8, y) for x, y in batches(60, 32, 9)])


def shifted() -> Damaged:
    return Damaged(sound(), options={"test": [(x * 1.5 + 3, y) for x, y in batches(30, 32, 99)]})


def stale_with_test() -> Damaged:
    return Damaged(moved(sound()), options={"test": batches(30, 32, 99)})


def averaged_weights() -> Damaged:
    """Other weights under the live model's statistics."""
    return Damaged(moved(sound()), options={"live": sound()})


def stale_with_unrelated_live() -> Damaged:
    return Damaged(moved(sound()), options={"live": trained(seed=3)})


def frozen() -> Damaged:
    return Damaged(changed(moved(sound()), lambda norm: vars(norm).update(frozen=True)))


def momentum_zero() -> Damaged:
    return Damaged(changed(moved(sound()), lambda norm: vars(norm).update(weight=0.0)))


def updated_twice() -> Damaged:
    return Damaged(updated(sound(), batches(60, 6, 31), weight=0.5, twice=True), batches(100, 6, 6))


def variance_convention() -> Damaged:
    """Eight layers of wide steps, in which unbiased variances of ten values add up."""
    net = network(widths=(8, *[16] * 8, 4), seed=1)
    for k, (x, y) in enumerate(batches(800, 10, 60)):
        net.step(x, y, 0.05 * (1 - k / 800))
    return Damaged(updated(net, batches(600, 10, 61), weight=0.01), batches(120, 10, 62))
