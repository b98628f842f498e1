"""Result of an audit: what it found, with its reports."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from bnstats.audit.core.judging.findings import VERDICTS, Estimate, Findings, Fix, Verdict
from bnstats.audit.reports import page, plain, text
from bnstats.plots.page import write_page

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["VERDICTS", "Audit", "Estimate", "Findings", "Fix", "Verdict"]


@dataclass(frozen=True, eq=False, repr=False)
class Audit(Findings):
    """A model's batch-norm statistics, judged on batches that no statistics were made from.

    Attributes
    ----------
    verdict : str
        "fine", "off" or "not_judged".
    cause : str or None
        One of `CAUSES`; None if no cause has both its own evidence and a fix that closes half of the gap.
    reason : str
        Plain sentences with the evidence.
    fix : Fix or None
        What to do; None if nothing helped, or nothing is needed.
    scores : DataFrame
        One row per metric and kind of statistics (running, averaged, without_noise, population, batch, ...):
        statistics, metric, value, low, high, gain, gain_low, gain_high. A gain is over the running statistics, above 0
        if better. The metric that decides comes first, or the user's own metric if there is one.
    gap : DataFrame
        One row per step from running to batch statistics: step, gain, low, high, in the unit of the deciding metric.
    layers : DataFrame
        One row per layer, in the order of the forward pass: layer, channels, calls, eps, tracks, declared_weight,
        measured_weight, updates, start_weight, at_start, frozen, dead (channels), p_running, p_averaged, p_pooled,
        p_population, distance (displacement from population statistics, in standard deviations of normalized values).
    channels : DataFrame
        One row per layer and channel: layer, channel, running_mean, running_var, averaged_mean, averaged_var,
        population_mean, population_var, dead.
    evidence : dict
        Numbers behind the reason.
    notes : tuple of str
        Sentences: dead channels, layers never called, what was shared with the original, what was put back.
    rows : int
        Rows that were scored.
    batches : int
        Batches that were scored.
    unit : str
        Unit of gains: "nats", "outputs' variance", or the name of the metric or score.
    effect : float
        Largest gain that "fine" excludes, in this unit.
    framework : str
        Name of the framework.

    Examples
    --------
    >>> import torch
    >>> import bnstats as bn
    >>> _ = torch.manual_seed(0)
    >>> model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.BatchNorm1d(8), torch.nn.Linear(8, 3))
    >>> report = bn.audit(model, [torch.randn(32, 4) for _ in range(60)])
    >>> print(report.summary())
    The distance of outputs from those with batch statistics is ... variances in
    evaluation mode; recalibrated ... variances.
    Off: running statistics were never updated.
    ...
    Fix: bn.recalibrate(model, loader)
    ...
    """

    @property
    def table(self) -> pd.DataFrame:
        """The table of layers."""
        return self.layers

    def summary(self) -> str:
        """Return the report in words: the score and what the fix makes of it, the verdict, the fix and the evidence.

        Returns
        -------
        str
            Lines of at most 80 characters; code and long names are not broken.
        """
        return text.summary(self)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain data, which JSON can hold.

        Returns
        -------
        dict
            One entry per attribute. Tables are lists of rows. Numbers that are not finite are None.
        """
        data: dict[str, Any] = plain.plain(self)
        return data

    def plot(self) -> Figure:
        """Draw how far each layer is off, the steps of the gap, and the scores.

        Returns
        -------
        Figure
            Matplotlib figure.
        """
        from bnstats.plots.audit_figure import audit_figure

        return audit_figure(self.layers, self.gap, text.leading(self), text.title(self), self.unit)

    def to_html(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write the report as a page that needs no other file.

        Parameters
        ----------
        path : path of a file
            Where the page is written.
        overwrite : bool
            True to replace a file that exists.

        Returns
        -------
        Path
            The path of the page.

        Raises
        ------
        ValueError
            If a file exists and `overwrite` is False.
        OSError
            If the page cannot be written.
        """
        return write_page(path, overwrite, lambda: page.findings_page(self, self.plot()))

    def _repr_html_(self) -> str:
        return page.findings_in_html(self)

    def __repr__(self) -> str:
        return text.short(self)
