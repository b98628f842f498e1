"""The findings of an audit in words: the score first, then the verdict and the fix, then how they were found."""

from __future__ import annotations

import math
from collections.abc import Iterator
from textwrap import fill

import pandas as pd

from bnstats._checks.terminal import escaped, printable
from bnstats.audit.core.causes import CAUSES
from bnstats.audit.core.judging.findings import Findings

WIDTH = 80
"""Characters in a line."""
LOSS = "nll"
"""Metric of classes that decides; the accuracy leads the report."""
NAMES = {LOSS: "The loss is", "distance": "The distance of outputs from those with batch statistics is"}
"""Subjects of the first sentence, where they are not the metric's name."""
UNITS = {"accuracy": (100, " %", 0), LOSS: (1, " nats", 2), "distance": (1, " variances", 2)}
"""Factor, unit and digits of metrics."""


def summary(found: Findings) -> str:
    """Return the report in words."""
    lines = [*map(_filled, sentences(found))]
    if found.fix is not None:
        lines += [printable(f"Fix: {_one_line(found.fix.text)}"), _filled(trial(found))]
    return "\n".join(filter(None, [*lines, *map(_filled, found.notes)]))


def short(found: Findings) -> str:
    """Return the verdict in a line."""
    gain = None if found.fix is None else found.fix.gain
    parts = [
        found.verdict if found.cause is None else f"{found.verdict}: {found.cause}",
        "" if gain is None or not math.isfinite(gain.value) else f"gain {gain.text(found.unit)}",
        f"{found.rows} rows in {found.batches} batches",
    ]
    return printable(f"Audit({', '.join(part for part in parts if part)})")


def title(found: Findings) -> str:
    """Return the verdict as the title of a figure or page."""
    lead = _lead(found)
    verdict = {
        "fine": "No problem found in the running statistics",
        "off": f"Running statistics are off: {_cause(found)}",
        "not_judged": "Running statistics could not be judged",
    }[found.verdict]
    return escaped(f"{verdict}. {lead}".rstrip(". ") if lead else verdict)


def leading(found: Findings) -> pd.DataFrame:
    """Return the scores of the metric that leads the report: the user's own, the accuracy, or that which decides."""
    if found.scores.empty:
        return found.scores
    metrics = list(found.scores["metric"].unique())
    first = "accuracy" if metrics[0] == LOSS and "accuracy" in metrics else metrics[0]
    return found.scores[found.scores["metric"] == first]


def sentences(found: Findings) -> Iterator[str]:
    """Yield the score, the verdict and the evidence."""
    yield _lead(found)
    if found.verdict == "fine":
        yield f"No problem found. {found.reason}"
    elif found.verdict == "off":
        yield f"Off: {_cause(found)}."
        yield found.reason
    else:
        yield f"Not judged, which does not mean fine. {found.reason}"


def _lead(found: Findings) -> str:
    """Return what the metric is in evaluation mode and what the fix makes of it; nothing without a score."""
    rows = leading(found)
    value = {} if rows.empty else dict(zip(rows["statistics"], rows["value"].astype(float), strict=True))
    before = value.get("running", math.nan)
    if math.isnan(before):
        return ""
    metric = str(rows["metric"].iloc[0])
    name = NAMES.get(metric, f"{metric[:1].upper()}{metric[1:]} is")
    kind = None if found.fix is None else found.fix.kind
    after = value.get(kind, math.nan) if kind is not None else math.nan
    if not math.isnan(after):
        one, other = _written(metric, before, after)
        return f"{name} {one} in evaluation mode; recalibrated {other}."
    batch = value.get("batch", math.nan)
    if found.verdict != "fine" and not math.isnan(batch):
        one, other = _written(metric, before, batch)
        return f"{name} {one} in evaluation mode; with the statistics of each batch {other}."
    return f"{name} {_written(metric, before, before)[0]} in evaluation mode."


def _written(metric: str, one: float, other: float) -> tuple[str, str]:
    """Return two values of a metric with as many digits as tell them apart.

    >>> _written("accuracy", 0.884, 0.912), _written("accuracy", 0.9996, 0.9993), _written("nll", 0.31, 0.0302)
    (('88 %', '91 %'), ('100.0 %', '99.9 %'), ('0.31 nats', '0.03 nats'))
    """
    times, unit, digits = UNITS.get(metric, (1, "", 2))
    for more in (*range(digits, digits + 4), digits):
        pair = f"{times * one:z.{more}f}{unit}", f"{times * other:z.{more}f}{unit}"
        if pair[0] != pair[1]:
            break
    return pair


def _cause(found: Findings) -> str:
    if found.cause is None:
        return "no cause was found"
    return CAUSES[found.cause].title if found.cause in CAUSES else found.cause


def trial(found: Findings) -> str:
    """Return what trying the fix gave."""
    assert found.fix is not None
    if not found.fix.tried:
        return "The fix changes training or data, so it was not tried."
    if found.fix.gain is None or math.isnan(found.fix.gain.value):
        return "It was tried, but its gain could not be measured."
    gains = "It lowers the loss by" if found.unit == "nats" else "It gains"
    return f"{gains} {found.fix.gain.text(found.unit)}, on {_counted(found)} that it was not made from."


def _counted(found: Findings) -> str:
    rows = "1 row" if found.rows == 1 else f"{found.rows:,} rows"
    return f"{rows} in {'1 batch' if found.batches == 1 else f'{found.batches:,} batches'}"


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _filled(text: str) -> str:
    """Return a text in lines of at most so many characters, with its control codes written out."""
    return fill(printable(_one_line(text)), WIDTH, break_long_words=False, break_on_hyphens=False)
