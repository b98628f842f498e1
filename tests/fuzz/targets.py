"""What is public, found through the namespaces, and valid arguments for it, by their names."""

from __future__ import annotations

import importlib.util
import inspect
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache, partial
from types import ModuleType
from typing import Any

import numpy as np

import bnstats as bn
from bnstats.corrections.groups import Groups
from bnstats.datasets.registry import ROW_BATCHING_RULES, SHIFTS
from bnstats.sampling.registry import BATCHING_RULES, EFFECT_CLASSES
from bnstats.sampling.registry import EFFECTS as NAMED_EFFECTS

ROWS = np.random.default_rng(0).normal(size=(60, 4))
LABELS = (ROWS[:, 0] > 0).astype(int)
BATCH = np.repeat(np.arange(6), 10)

# One that takes what a simulation takes is called more rarely.
SLOW = ("measure_", "run", "assert_", "show_versions", "leave_one_batch_out", "plot", "summary", "compare", "audit")
SLOW += ("recalibrate", "check_claims", "merge_stores", "convergence", "gradients", "mismatch", "numbers", "running")
SLOW += (
    "best_corrections",
    "intervals",
    "best_correction_map",
    "series",
    "panels",
    "zip_plot",
    "log2_ticks",
    "log_errors",
    "to_html",
)
# They take what the author of a study or of an adaptation writes, or nothing, and print.
LEFT_OUT = {"Study", "networks.Network.evaluate", "show_versions"}
if importlib.util.find_spec("torch") is None:
    LEFT_OUT |= {"BatchNormMonitor.watch"}  # it takes a model
# scikit-learn's own checks call it with odd values (tests/corrections/test_corrector.py).
CHECKED_ELSEWHERE = {"corrections.Corrector"}
# Frameworks call their methods, most of which are those of their base classes.
CALLBACKS = {"LightningCallback", "TrainerCallback", "KerasCallback"}
# What others return and nobody makes by hand; its methods are called.
MADE_BY_OTHERS = {"corrections.Fitted", "summaries.Replicates"}


@dataclass(frozen=True)
class Largest(bn.Study):
    """A small study."""

    sizes: tuple[int, ...] = (4, 8)

    def conditions(self):
        return [{"batch_size": n} for n in self.sizes]

    def simulate(self, condition, rng, size):
        return {"largest": rng.standard_normal((size, condition["batch_size"])).max(axis=1)}

    def size(self, condition):
        return 20


@cache
def network() -> Any:
    dataset = bn.Dataset.of((ROWS.astype(np.float32), LABELS))
    return bn.networks.Network.initial(
        bn.networks.Recipe(hidden=(3,)), dataset.inputs, dataset.classes, np.random.default_rng(0)
    )


@cache
def has_torch() -> bool:
    return importlib.util.find_spec("torch") is not None


def model() -> Any:
    """A model with batch norm, small and untrained."""
    from torch import nn

    return nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Linear(3, 2))


def loader() -> Any:
    """Fifty batches."""
    import torch

    return [(torch.tensor(ROWS[:8], dtype=torch.float32), torch.tensor(LABELS[:8])) for _ in range(50)]


def store(name: str) -> str:
    """A new store with the blocks of a small study."""
    path = tempfile.mkdtemp() + f"/{name}.sqlite"
    bn.run(Largest(), max_replicates=40, progress=False, store=path)
    return path


@cache
def audited() -> Any:
    return bn.audit(model(), loader())


def axes() -> Any:
    from matplotlib.figure import Figure

    return Figure().subplots()


# Valid arguments, by the name of the parameter, made anew for each call.
BY_NAME: dict[str, Callable[[], Any]] = {
    "population": lambda: bn.Population.of("normal"),
    "populations": lambda: "normal",
    "batch_size": lambda: 4,
    "devices": lambda: 2,
    "accumulate": lambda: 2,
    "synchronized": lambda: True,
    "batch_sizes": lambda: [4, 8],
    "estimator": lambda: "mean",
    "estimators": lambda: ["mean"],
    "batching": lambda: bn.IID(),
    "rng": lambda: np.random.default_rng(0),
    "out": lambda: np.empty((3, 4)),
    "x": lambda: ROWS[:, 0].copy(),
    "y": lambda: LABELS.copy(),
    "batch": lambda: BATCH.copy(),
    "label": lambda: LABELS.copy(),
    "outcome": lambda: ROWS[:, 1].copy(),
    "key": lambda: BATCH.copy(),
    "keep": lambda: ROWS[:, 1].copy(),
    "second_batch": lambda: LABELS.copy(),
    "subject": lambda: None,
    "formula": lambda: "keep",
    "mean_only": lambda: False,
    "nan_policy": lambda: "raise",
    "steps": lambda: 4,
    "step": lambda: 4,
    "size": lambda: 3,
    "batches": lambda: 4,
    "n": lambda: 4,
    "chance": lambda: 0.5,
    "probability": lambda: 0.5,
    "rmse": lambda: 0.2,
    "z": lambda: 0.5,
    "phi": lambda: 0.5,
    "icc": lambda: 0.5,
    "proportion": lambda: 0.2,
    "increase": lambda: 0.5,
    "momentum": lambda: 0.1,
    "convention": lambda: "torch",
    "name": lambda: "a name",
    "law": lambda: None,
    "function": lambda: lambda x, axis: x.mean(axis),
    "target": lambda: 0.0,
    "classes": lambda: 2,
    "rows_per_class": lambda: 2,
    "groups": lambda: Groups.of(ROWS[:, 0], BATCH, "batch"),
    "labels": lambda: [0.0],
    "corrections": lambda: ["none", "center"],
    "source": lambda: "normal",
    "study": lambda: Largest(),
    "condition": lambda: 0,
    "block": lambda: 0,
    "mean": lambda: 0.0,
    "var": lambda: 1.0,
    "m2": lambda: 4.0,
    "ddof": lambda: 0,
    "other": lambda: bn.Moments.of(np.arange(4.0)),
    "fresh": lambda: lambda: np.array(0.0),
    "moments": lambda: bn.Moments.of(np.arange(4.0)),
    "estimates": lambda: np.arange(3.0),
    "along": lambda: "batch",
    "applies_to_new": lambda: True,
    "properties": lambda: ("affine",),
    "smooth": lambda: bn.effects.Trend(),
    "message": lambda: "a message",
    "precision": lambda: None,
    "max_replicates": lambda: 40,
    "progress": lambda: False,
    "rate": lambda: -0.5,
    "tolerance": lambda: 0.2,
    "within": lambda: 0.5,
    "confidence": lambda: 0.5,
    "false_alarm": lambda: 0.01,
    "mcse_df": lambda: 15.0,
    "max_draws": lambda: 2**23,
    "estimate": lambda: np.zeros(3),
    "exact": lambda: np.zeros(3),
    "mcse": lambda: np.ones(3),
    "severity": lambda: 0.5,
    "truth": lambda: np.zeros(3),
    "statistic": lambda: "mean",
    "fixed_batches": lambda: False,
    "reference": lambda: "population",
    "hidden": lambda: (3,),
    "inputs": lambda: 4,
    "recipe": lambda: bn.networks.Recipe(hidden=(3,)),
    "dataset": lambda: (ROWS.astype(np.float32), LABELS),
    "network": network,
    "split": lambda: bn.Dataset.of((ROWS.astype(np.float32), LABELS)).split(np.random.default_rng(0)),
    "q": lambda: 0.5,
    "index": lambda: 1,
    "of": lambda: 2,
    "frame": lambda: table(),
    "table": lambda: table(),
    "rows": lambda: table(),
    "ax": axes,
    "a": lambda: "none",
    "b": lambda: "center",
    "sizes": lambda: [2, 4],
    "parameters": lambda: network().parameters,
    "velocity": lambda: network().velocity,
    "running": lambda: network().running,
    "statistics": lambda: network().running,
    "layer": lambda: 0,
    "model": model,
    "loader": loader,
    "claims": lambda: "zero-at-3",
    "identifier": lambda: "a-claim",
    "statement": lambda: "Something holds.",
    "quantity": lambda: "a number",
    "region": lambda: bn.claims.Region.above(0.0),
    "interval_method": lambda: bn.claims.Exact(),
    "evidence": lambda: bn.claims.Enumerated(lambda: np.zeros(1)),
    "cases": lambda: lambda: np.zeros(1),
    "terms": lambda: bn.claims.BatchStatistic("normal", 3, np.ptp).evidence.terms,
    "measures": lambda: bn.claims.BatchStatistic("normal", 3, np.ptp).evidence,
    "value": lambda: 0.0,
    "margin": lambda: 0.1,
    "skewness": lambda: 1.0,
    "low": lambda: 0.0,
    "high": lambda: 1.0,
    "error": lambda: 0.01,
    "change": lambda: 0.5,
    "count": lambda: 2,
    "color": lambda: "C0",
    "colors": lambda: ["C0", "C1"],
    "false_verdicts": lambda: 0.01,
    "own": lambda: range(4),
    "condition_runs": lambda: [],
    "factory": lambda: bn.corrections.center,
    "given": lambda: (4, 3, 2),
    "rows_seen": lambda: 100,
    "eps": lambda: 1e-5,
    "units": lambda: 3,
    "pseudo": lambda: 16,
    "weight": lambda: 0.1,
    "cuts": lambda: [0.0],
    "trained_with": lambda: bn.Shuffled(),
    "training_batch_size": lambda: 4,
    "step_length": lambda: 0.1,
    "buffers": lambda: {"norm": (np.zeros(3), np.ones(3))},
    "batch_stats": lambda: {"norm": {"mean": np.zeros(3), "var": np.ones(3)}},
    "state": lambda: bn.BatchNormMonitor().state_dict(),
    "replicates": lambda: {"b": ROWS[:, 0], "s": np.ones(60), "low": ROWS[:, 0] - 1, "high": ROWS[:, 0] + 1},
    "se": lambda: 0.2,
    "p": lambda: "p",
    "level": lambda: 0.95,
    "null": lambda: 0.0,
    "measure": lambda: "bias",
    "f": lambda: lambda rng, size: rng.random(size),
    "bounds": lambda: (0, 1),
}
NORMALIZERS = tuple(bn.normalizers.__all__[1:])
EFFECTS = tuple(EFFECT_CLASSES)
# Where a name means something else, or the usual value would take long.
BY_CALL: dict[str, dict[str, Callable[[], Any]]] = {
    "measure_convergence": {"max_replicates": lambda: 64},
    "measure_running": {"steps": lambda: 4},
    "measure_mismatch": {
        "steps": lambda: 3,
        "max_replicates": lambda: 4,
        "hidden": lambda: (3,),
        "batching": lambda: bn.Shuffled(),
        "rows": None,
        "momentum": None,
    },
    "measure_steps": {
        "batching": lambda: bn.Shuffled(),
        "steps": lambda: 1,
        "max_replicates": lambda: 4,
        "hidden": lambda: (3,),
        "batches": lambda: 4,
        "statistics": lambda: "batch",
        "measures": lambda: "cosine",
    },
    "measure_correction": {
        "batch_sizes": lambda: [2],
        "batches": lambda: 4,
        "labels": lambda: "nuisance",
        "measures": lambda: ["rmse"],
    },
    "measure_raw_given_normalized": {"z": lambda: 0.0},
    "required_replicates": {"mcse": lambda: 0.01, "se": lambda: 0.2},
    "results.Summarized.nested_loop_plot": {"measure": lambda: "bias"},
    "summarize": {
        **{"by": lambda: (), "method": None, "dataset": None},
        **{"estimate": lambda: "b", "se": lambda: "s", "low": lambda: "low", "high": lambda: "high", "p": None},
        **{"truth": lambda: 0.5, "measures": lambda: ["bias", "coverage"]},
    },
    "summaries.Summary": {
        "value": lambda: lambda e: e.mean,
        "mcse": lambda: lambda e: e.central(2) ** 0.5,
        "order": lambda: 2,
    },
    "theory.raw_given_normalized": {"z": lambda: 0.5},
    "theory.loss_offset": {"x": lambda: ROWS.astype(np.float32), "y": lambda: LABELS.copy()},
    "theory.rate": {"batching": lambda: bn.IID()},
    "Dataset.of": {"source": lambda: (ROWS, LABELS)},
    "Gaussians.of": {"source": lambda: (ROWS, LABELS)},
    "Convention.of": {"source": lambda: "torch"},
    "RunningStats.update": {"batch": lambda: ROWS[:, :2]},
    "RunningStats.normalize": {"x": lambda: ROWS[:, :2]},
    "corrections.correction_of": {"source": lambda: "center"},
    **{
        f"corrections.Correction.{method}": {"keep": lambda: ROWS[:, 1].copy(), "reference": lambda: None}
        for method in ("fit", "__call__")
    },
    **{f"corrections.Fitted.{method}": {"keep": lambda: ROWS[:, 1].copy()} for method in ("apply", "adapt")},
    **{f"effects.{kind}.of": {"source": lambda: "trend"} for kind in EFFECTS},
    "normalizers.OtherBatch": {"rows": lambda: 4, "others": lambda: 4, "kind": lambda: "plain"},
    "Gaussians": {"rows": lambda: 60, "test_rows": lambda: 20, "inputs": lambda: 4, "classes": lambda: 2},
    **{
        f"networks.Network.{method}": {
            "x": lambda: ROWS.astype(np.float32),
            "batches": lambda: [[0, 1], [2, 3]],
            "y": lambda: LABELS.copy(),
        }
        for method in ("hidden", "logits", "train", "logits_in_batches", "batch_statistics", "gradients")
    },
    "networks.Recipe.sizes": {"given": lambda: (4, 64, 2)},
    "networks.Network": {"sizes": lambda: (4, 3, 2), "steps": lambda: 0},
    "claims.Region": {"low": lambda: 0.0},
    "claims.accuracy": {"networks": lambda: bn.claims.Networks(batch_size=32), "statistics": lambda: "batch"},
    "claims.Networks": {"normalizer": lambda: "batch", "batch_size": lambda: 32},
    "claims.Proportion.check": {"x": lambda: np.array([0.0, 1.0])},
    "claims.Proportion.interval": {"x": lambda: np.array([0.0, 1.0])},
    "claims.Bounded.check": {"x": lambda: np.array([0.5, 0.1])},
    "claims.Bounded.interval": {"x": lambda: np.array([0.5, 0.1])},
    "plots.best_correction_map": {
        "x": lambda: "batch_size",
        "y": lambda: "effect_size",
        "colors": lambda: {"none": "C0"},
    },
    "plots.series": {"x": lambda: "batch_size"},
    "plots.intervals": {"labels": lambda: ["a", "b"]},
    "BatchNormMonitor.to_html": {"path": lambda: "monitor.html", "overwrite": lambda: True},
    "results.Audit.to_html": {"path": lambda: "report.html", "overwrite": lambda: True},
    "results.Simulation.leaving_out": {"row": lambda: 0},
    "claims.BatchStatistic": {"statistic": lambda: np.ptp},
    "check_claims": {"claims": lambda: ["zero-at-3", "variance-biased"]},
    "Population": {"values": lambda: np.arange(4.0)},
    "theory.Sampling": {"bias": lambda: 0.0, "se": lambda: 1.0},
    "theory.Theory": {"limit": lambda: lambda population: population.mean},
    "corrections.Correction": {"estimate": lambda: bn.corrections.center().estimate},
    "corrections.Correction.made_by": {"estimate": lambda: bn.corrections.center().estimate},
    "effects.Effect.of": {"source": lambda: "trend"},
    "datasets.binned_population.BinnedPopulation.of": {"source": lambda: (ROWS, LABELS)},
    "datasets.dataset.Table.of": {"source": lambda: (ROWS, LABELS)},
    **{f"shifts.{kind}.apply": {"x": lambda: ROWS.astype(np.float32)} for kind in SHIFTS},
    **{
        f"adaptation.{kind}.{method}": {
            "mean": lambda: np.zeros(3, np.float32),
            "var": lambda: np.ones(3, np.float32),
            "z": lambda: np.ones((2, 4, 3), np.float32),
            "source": lambda: network().running,
            "x": lambda: ROWS.astype(np.float32),
            "batches": lambda: [[0, 1], [2, 3]],
        }
        for kind in ("Continued", "MeanOnly", "Mixed", "PredictionTime", "VarianceOnly", "Weighed")
        for method in ("adapt", "logits")
    },
    **{
        f"normalizers.{kind}.{method}": {
            "source": lambda: "batch",
            "hidden": lambda: (8,),
            "z": lambda: np.ones((4, 8), np.float32),
            "mean": lambda: np.zeros(8, np.float32),
            "var": lambda: np.ones(8, np.float32),
            "step": lambda: np.arange(1, 4),
            "batch_size": lambda: 8,
            "rows": lambda: 8,
            "units": lambda: 8,
            "eps": lambda: 1e-5,
        }
        for kind in NORMALIZERS
        for method in ("of", "check", "evaluate", "frozen", "memory_rows", "set_rows", "settings", "statistics")
    },
    **{f"normalizers.{kind}.state": {"rows": lambda: 8, "step": lambda: 1} for kind in NORMALIZERS},
    "merge_stores": {"into": lambda: store("into"), "other_store": lambda: store("other")},
    "Moments": {"mean": lambda: 1.0},
    "leave_one_batch_out": {"corrections": lambda: ["none", "center"]},
    "testing.assert_mean": {"value": lambda: 0.5, "bounds": lambda: (0, 1), "max_draws": lambda: 2**12},
    "testing.assert_quantile": {"value": lambda: 0.5, "max_draws": lambda: 2**12},
    "testing.assert_probability": {
        **{"f": lambda: lambda rng, size: rng.random(size) < 0.5, "probability": lambda: 0.5},
        "max_draws": lambda: 2**12,
    },
    "testing.assert_same_distribution": {
        "other": lambda: lambda rng, size: rng.random(size),
        "max_draws": lambda: 2**12,
    },
    "testing.assert_rate": {
        "to": None,
        "tolerance": lambda: 0.2,
        "max_draws": lambda: 2**23,
        "batch_sizes": lambda: (16, 64),
    },
    "testing.assert_converges": {
        "to": None,
        "batch_size": lambda: 32,
        "within": lambda: 0.5,
        "max_draws": lambda: 2**12,
    },
}


def table() -> Any:
    """A table with every column that a figure reads."""
    import pandas as pd

    named = {"population": "normal", "batching": "IID()", "estimator": "mean", "measure": "rmse", "metric": "accuracy"}
    named |= {"statistics": "batch", "statistic": "mean", "convention": "torch", "dataset": "digits", "best": "none"}
    named |= {"normalizer": "batch", "activation": "relu", "effect": "trend", "labels": "signal", "design": "balanced"}
    varying = {"batch_size": [2, 4], "test_batch_size": [2, 4], "step": [1, 2], "layer": [1, 2], "effect_size": [1, 2]}
    fixed = {
        "width": 8,
        "depth": 3,
        "momentum": 0.1,
        "smoothness": 0.5,
        "bayes_accuracy": 0.9,
        "margin": 0.1,
        "clear": True,
    }
    numbers = {"value": [1.0, 0.5], "mcse": [0.1, 0.1], "exact": [1.0, 0.5], "low": [0.1, 0.2], "high": [1.1, 1.2]}
    return pd.DataFrame(varying).assign(**named, **fixed, **numbers, target=0.5)


# Objects whose methods are called.
OBJECTS: dict[str, Callable[[], Any]] = {
    "Population": lambda: bn.Population.of("normal"),
    "Estimator": lambda: bn.ESTIMATORS["mean"],
    "Moments": lambda: bn.Moments.of(np.arange(8.0).reshape(2, 4)),
    "RunningStats": lambda: bn.RunningStats.like("torch").update(np.arange(8.0).reshape(4, 2)),
    "Convention": lambda: bn.CONVENTIONS["torch"],
    "Dataset": lambda: bn.Dataset.of((ROWS.astype(np.float32), LABELS)),
    "Gaussians": lambda: bn.Gaussians(classes=2, inputs=4, rows=60, test_rows=20),
    **{type(rule).__name__: partial(replace, rule) for rule in (BATCHING_RULES | ROW_BATCHING_RULES).values()},
    "corrections.Correction": lambda: bn.corrections.center(),
    "corrections.Fitted": lambda: bn.corrections.center().fit(ROWS[:, 0], BATCH, ROWS[:, 1]),
    **{f"effects.{type(effect).__name__}": partial(replace, effect) for effect in NAMED_EFFECTS.values()},
    "effects.Mixture": lambda: bn.effects.Mixture(bn.effects.Trend()),
    "normalizers.Normalizer": lambda: bn.normalizers.Layer(),
    "normalizers.OtherBatch": lambda: bn.normalizers.OtherBatch(4, 4),
    "results.Convergence": lambda: result("measure_convergence"),
    "results.Running": lambda: result("measure_running"),
    "results.Information": lambda: result("measure_information"),
    "results.RawBehind": lambda: result("measure_raw_given_normalized"),
    "results.Mismatch": lambda: result("measure_mismatch"),
    "results.Corrected": lambda: result("measure_correction"),
    "results.Gradients": lambda: result("measure_gradients"),
    "results.Steps": lambda: result("measure_steps"),
    "results.Simulation": lambda: bn.run(Largest(), max_replicates=40, progress=False),
    "results.Summarized": lambda: bn.summarize({"b": ROWS[:, 0], "k": BATCH % 2}, estimate="b", truth=0.1, by="k"),
    "results.Ledger": lambda: bn.check_claims("zero-at-3", max_replicates=64, progress=False),
    "results.Advice": lambda: bn.advise(batch_size=4),
    "networks.Network": network,
    "claims.Region": lambda: bn.claims.Region.above(0.0),
    "claims.Exact": lambda: bn.claims.Exact(),
    "claims.Proportion": lambda: bn.claims.Proportion(),
    "claims.Bounded": lambda: bn.claims.Bounded(),
    "claims.Moment": lambda: bn.claims.Moment(1.0),
}
if has_torch():
    OBJECTS["results.Audit"] = audited


def merge_stores(into: Any, other_store: Any) -> int:
    return bn.merge_stores(into, other_store)


def written_out(name: str) -> Any:
    """A public function with a name for each of its arguments."""
    if name == "merge_stores":
        return merge_stores
    from bnstats.audit.audit import audit

    return audit


@cache
def result(name: str) -> Any:
    function = getattr(bn, name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(**{k: make() for k, make in arguments(name, function).items()})


@dataclass(frozen=True)
class Target:
    """Something public that can be called, and makers of valid arguments for it."""

    name: str
    call: Callable[[], Callable[..., Any]]
    arguments: dict[str, Callable[[], Any]]
    parameters: tuple[str, ...]
    optional: dict[str, Callable[[], Any]] = field(default_factory=dict)
    """Makers of values of other parameters: what their names usually mean, which need not fit the rest."""

    def valid(self) -> dict[str, Any]:
        """Valid arguments, made anew."""
        return {name: make() for name, make in self.arguments.items()}

    @property
    def slow(self) -> bool:
        return self.name.split(".")[-1].startswith(SLOW)


def public() -> Iterator[tuple[str, Any]]:
    """Every public name of a function or class, with what it names."""
    for name in dir(bn):
        if name in ("audit", "recalibrate") and not has_torch():
            continue
        try:
            thing = getattr(bn, name)
        except ModuleNotFoundError:  # what needs PyTorch, where it is not installed
            continue
        if name in ("audit", "merge_stores"):
            yield name, written_out(name)
        elif isinstance(thing, ModuleType) and name != "exceptions":
            names = (inner for inner in thing.__all__ if inner not in CALLBACKS)
            found = ((f"{name}.{inner}", getattr(thing, inner)) for inner in names)
            yield from ((inner, what) for inner, what in found if callable(what) and inner not in CHECKED_ELSEWHERE)
        elif callable(thing):
            yield name, thing


def arguments(name: str, function: Callable[..., Any]) -> dict[str, Callable[[], Any]]:
    """Makers of valid arguments: all that are required, and those optional ones that have a usual value."""
    own = BY_CALL.get(name, {})
    found = {}
    for parameter in inspect.signature(function).parameters.values():
        if parameter.name == "self" or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        make = own.get(parameter.name, BY_NAME.get(parameter.name))
        optional = parameter.default is not parameter.empty
        if make is not None and not (optional and parameter.name not in own and parameter.name not in ALWAYS):
            found[parameter.name] = make
    return found


ALWAYS = ("precision", "max_replicates", "progress", "batch_sizes", "estimators", "steps", "corrections")


def target(name: str, call: Callable[[], Callable[..., Any]], function: Callable[..., Any]) -> Target:
    """Something public with its valid arguments."""
    names = [
        p.name
        for p in inspect.signature(function).parameters.values()
        if p.name != "self" and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
    ]
    valid = arguments(name, function)
    return Target(name, call, valid, tuple(names), {n: BY_NAME[n] for n in names if n in BY_NAME and n not in valid})
