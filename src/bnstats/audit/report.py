"""What an audit found: findings, and the tables behind them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from bnstats._checks import values as _validation
from bnstats._checks.terminal import printable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CAUSES = (
    "never_updated", "start_remains", "stale", "noisy_average", "small_batch", "variance_convention", "composition",
    "grouped_batches", "shifted_test_data", "mixed_modes", "dropout_before", "not_finite", "dead_channels",
    "short_batch", "eps_mismatch", "updated_twice", "nothing_wrong",
)  # fmt: skip

# Batches that a standard error needs.
FEWEST = 50


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, or the statement that nothing is.

    Attributes
    ----------
    cause : str
        One of `CAUSES`.
    layers : tuple of str
        The layers concerned.
    text : str
        What it means, in a sentence or two.
    evidence : dict
        The numbers behind it.
    cost : float
        What mending this alone brings, in the unit of the first metric (nats, for classes); nan where it cannot be
        measured on this model without training it anew.
    mend : str
        What to do.
    """

    cause: str
    layers: tuple[str, ...]
    text: str
    evidence: dict[str, Any] = field(repr=False)
    cost: float
    mend: str


@dataclass(frozen=True, eq=False)
class Audit:
    """A model's batch-norm layers, judged with regard to sampling error.

    Attributes
    ----------
    layers : DataFrame
        One row per layer in the order of the forward pass: layer, depth, channels, n (values per channel and batch),
        batches (observed), momentum, steps, start_weight, eps, frozen, rms_z, p, rms_z_epoch (with the variance that
        shuffled epochs leave), tid_mean, tid_var, shift_mean, shift_var, wasserstein (test rows from loader rows) and
        what is expected of each without a defect, var_spread (median relative standard deviation of batch variances),
        gain (of its population statistics alone, with its interval), population_error (largest log error of their
        variances; 0 where they are exact).
    channels : DataFrame
        One row per layer and channel: running, expected, batch and population statistics, standard errors and z,
        effective_n (independent values in a batch: variance over that of batch means, as measured in training mode)
        and predicted_n (the same along the inference path, where rows are independent and positions of one row are
        not; in training mode no prediction holds after the first layer, which takes from each batch what its rows have
        in common).
    scores : DataFrame
        One row per set of rows, kind of statistics and metric: value, low, high. As all intervals of an audit they are
        of 95 %, and on real scores and gains of 100 and 500 rows they held in .94 to .98 of samples.
    gap : DataFrame
        batch - running = (batch - population) + (population - precise) + (precise - running), one row per part
        and metric.
    findings : list of Finding
        The most costly first.
    depth_trend : dict
        Slope of log rms z on depth, and how often chance gives a larger one.
    never_called : tuple of str
        Batch-norm layers that a forward pass does not call.
    adaptations : DataFrame
        If they were asked for, one row per adaptation, test batch size and metric: value and gain over running
        statistics, with intervals.
    """

    layers: pd.DataFrame
    channels: pd.DataFrame
    scores: pd.DataFrame
    gap: pd.DataFrame
    findings: list[Finding]
    depth_trend: dict[str, float]
    never_called: tuple[str, ...] = ()
    adaptations: pd.DataFrame = field(default_factory=pd.DataFrame)

    def summary(self) -> str:
        """The scores, then the findings, in plain words."""
        lines = list(self._scored())
        for number, finding in enumerate(self.findings, 1):
            where = f" [{shortened(finding.layers)}]" if finding.layers else ""
            lines += [f"{number}. {finding.cause}{where}: {finding.text}", f"   Mend: {finding.mend}"]
        if self.never_called:
            lines.append(f"Never called: {shortened(self.never_called)}.")
        if "batches" in self.layers and self.layers["batches"].min() < FEWEST:
            few = self.layers["batches"].min()
            rough = 1 / math.sqrt(2 * max(few - 1, 1))  # relative error of a standard deviation of normal values
            lines.append(
                f"Only {few} different batches: standard errors from so few are off by {rough:.0%} themselves."
            )
        for name, size in self.helps_from().items():
            helps = f"helps from {size} rows on" if size else "does not help"
            lines.append(f"Statistics adapted to test batches ({name}): {helps}.")
        return "\n".join(map(printable, lines))

    def _scored(self) -> Iterator[str]:
        """Yield the scores of each set of rows, a line for each metric: the accuracy first, where there is one."""
        metrics = self.scores["metric"].unique() if len(self.scores) else ()
        for metric in sorted(metrics, key=lambda name: name != "accuracy"):
            chosen = self.scores[self.scores["metric"] == metric]
            parts: Iterable[tuple[Any, pd.DataFrame]] = chosen.groupby("rows", sort=False)
            for rows, table in parts:
                scored: Iterable[Any] = table.itertuples()
                kinds = [f"{r.statistics} {r.value:.4f} ({r.low:.4f} to {r.high:.4f})" for r in scored]
                yield f"{metric} of {rows} rows: {', '.join(kinds)}."

    def helps_from(self) -> dict[str, int | None]:
        """The test batch size from which on each adaptation helps by more than chance; None where it does not."""
        found: dict[str, int | None] = {}
        if self.adaptations.empty:
            return found
        first = self.adaptations[self.adaptations["metric"] == self.adaptations["metric"].iloc[0]]
        for name, rows in first.groupby("adaptation", sort=False):
            helps = rows.sort_values("test_batch_size", ascending=False).set_index("test_batch_size")["gain_low"] > 0
            from_here_on = helps.index[helps.cummin().to_numpy(bool)]
            found[str(name)] = int(from_here_on.min()) if len(from_here_on) else None
        return found

    def plot(self) -> Figure:
        """By how much each layer's running statistics are off, what mending it brings, and the scores."""
        from bnstats.plots.audit_report import audit_report

        return audit_report(self.layers, self.explained(), self.title())

    def explained(self) -> pd.DataFrame:
        """The scores of the rows that are explained: test rows where they were given, else the loader's."""
        if self.scores.empty:
            return self.scores
        explained: pd.DataFrame = self.scores[self.scores["rows"] == self.scores["rows"].iloc[-1]]
        return explained

    def title(self) -> str:
        """The first finding, in a line."""
        first = self.findings[0]
        if first.cause == "nothing_wrong":
            return "Nothing is wrong with the batch-norm statistics of this model"
        unit = f" of {self.scores['metric'].iloc[0]}" if len(self.scores) and not math.isnan(first.cost) else ""
        return f"First finding: {first.cause.replace('_', ' ')}, {cost_in_words(first)}{unit}"

    def to_html(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write the findings, the picture and the tables as one page that needs no other file.

        Parameters
        ----------
        path : path of a file
        overwrite : bool
            Replace a file that exists.

        Raises
        ------
        ValueError
            Where a file exists, and `overwrite` is False.
        OSError
            Where the page cannot be written.
        """
        from bnstats.audit.page import page

        target, replaces = _validation.path("path", path), _validation.flag("overwrite", overwrite)
        if target.is_file() and not replaces:
            raise ValueError(f"path {str(target)!r} exists; give another path, or overwrite=True.")
        target.write_text(page(self), encoding="utf-8")
        return target

    def _repr_html_(self) -> str:
        from bnstats.audit.page import findings_in_html

        return findings_in_html(self)

    def __repr__(self) -> str:
        found = ", ".join(f"{f.cause} (cost {f.cost:.3g})" for f in self.findings)
        return printable(f"Audit of {len(self.layers)} batch-norm layers: {found}")


def cost_in_words(finding: Finding) -> str:
    """What a finding costs, where that could be measured."""
    return "cost not measurable without training anew" if math.isnan(finding.cost) else f"it costs {finding.cost:.3g}"


def shortened(names: tuple[str, ...], most: int = 4) -> str:
    """The first few names."""
    return ", ".join(names) if len(names) <= most else f"{', '.join(names[:most])} and {len(names) - most} more"
