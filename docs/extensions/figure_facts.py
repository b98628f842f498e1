"""The directive `measured`: what a figure was measured with, as its numbers and its provenance say.

`python -m analyses` writes both. A page can not say anything else than what was run.
"""

from __future__ import annotations

import json
from numbers import Real
from pathlib import Path
from typing import Any

import pandas as pd
from docutils import nodes
from sphinx.util.docutils import SphinxDirective

FIGURES = Path(__file__).resolve().parents[2] / "figures"
# What names a condition of a simulation, in the order in which pages show it.
FACTS = {
    "dataset": "data",
    "population": "population",
    "model": "models",
    "normalizer": "normalizers",
    "batching": "batches are drawn by",
    "batch_size": "batch sizes",
    "hidden": "hidden units",
    "activation": "activations",
    "width": "units per layer",
    "depth": "layers",
    "learning_rate": "learning rates",
    "momentum": "momentum of running statistics",
    "convention": "conventions",
    "training_size": "rows of the training set",
    "steps": "training steps",
    "shift": "shifts",
    "test_batching": "test batches are drawn by",
    "test_batch_size": "test batch sizes",
    "statistics": "statistics",
    "effect": "effects of a batch",
    "effect_size": "sizes of the effect",
    "correction": "corrections",
    "estimator": "estimators",
    "metric": "measures",
    "measure": "measures",
    "replicates": "replicates per number",
}
FEW = 8
# Test batches are as training batches unless a page says otherwise.
ALIKE = {FACTS["batching"]: FACTS["test_batching"], FACTS["batch_size"]: FACTS["test_batch_size"]}


def facts(name: str, figures: Path = FIGURES) -> dict[str, str]:
    """Return what a figure was measured with: a phrase for each factor, the cost, and the command that makes it."""
    table = pd.read_csv(figures / f"{name}.csv")
    record = json.loads((figures / f"{name}.json").read_text())
    found: dict[str, str] = {}
    for column, label in FACTS.items():
        values = table[column].dropna().unique() if column in table else ()
        if len(values) and list(values) != ["none"]:
            found.setdefault(label, in_words(values.tolist()))
    for training, testing in ALIKE.items():
        if found.get(training) == found.get(testing):
            found.pop(testing, None)
    found["cost"] = f"{record['cpu_seconds']:g} seconds of one core, seed {record['arguments']['seed']}"
    return found


def in_words(values: list[Any]) -> str:
    """Return a few values one by one, and many by their ends or their number.

    >>> in_words([4.0, 2.0, 8.0]), in_words(list(range(1, 30))), in_words(list("abcdefghij"))
    ('2, 4, 8', '29 values from 1 to 29', '10 of them, such as a, b, c')
    """
    numeric = all(isinstance(value, Real) and not isinstance(value, bool) for value in values)
    shown = [with_commas(value) for value in sorted(values)] if numeric else [str(value) for value in values]
    if len(shown) <= FEW:
        return ", ".join(shown)
    if numeric:
        return f"{len(shown)} values from {shown[0]} to {shown[-1]}"
    return f"{len(shown)} of them, such as {', '.join(shown[:3])}"


def with_commas(value: float) -> str:
    """Return a number with commas between thousands.

    >>> with_commas(1048576.0), with_commas(0.1)
    ('1,048,576', '0.1')
    """
    return f"{int(value):,}" if value == int(value) else f"{value:.6g}"


class Measured(SphinxDirective):
    """A table of the facts of a figure, and how to make it again."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        name = self.arguments[0]
        for ending in ("csv", "json"):
            self.env.note_dependency(str(FIGURES / f"{name}.{ending}"))
        rows = nodes.definition_list(classes=["facts"])
        for label, text in facts(name).items():
            rows += nodes.definition_list_item(
                "", nodes.term("", label), nodes.definition("", nodes.paragraph("", text))
            )
        again = nodes.paragraph("", "Made by ")
        again += [nodes.literal("", f"python -m analyses {name}"), nodes.Text("; the numbers in the picture are ")]
        again += [nodes.literal("", f"figures/{name}.csv"), nodes.Text(".")]
        return [rows, again]


def setup(app: Any) -> dict[str, bool]:
    """Tell Sphinx what this file adds."""
    app.add_directive("measured", Measured)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
