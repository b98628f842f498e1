"""Known summaries, by name."""

from __future__ import annotations

from collections.abc import Iterable

from bnstats._checks.values import named, shown
from bnstats.simulation.summaries.mcse_of_moments import OF_MOMENTS
from bnstats.simulation.summaries.mcse_of_quantiles import OF_QUANTILES
from bnstats.simulation.summaries.summary import Summary

SUMMARIES: dict[str, Summary] = {summary.name: summary for summary in (*OF_MOMENTS, *OF_QUANTILES)}


def summary_of(source: str | Summary) -> Summary:
    """Return the summary of this name, or the given `Summary` itself.

    >>> summary_of("rmse").order
    4.0
    """
    if isinstance(source, Summary):
        return source
    if isinstance(source, str) and source in SUMMARIES:
        return SUMMARIES[source]
    if isinstance(source, str) and source.startswith("quantile("):
        raise ValueError(f"summary {shown(source)} is no known name; give bn.summaries.quantile(probability).")
    return named("summary", source, SUMMARIES, "a bn.summaries.Summary, such as bn.summaries.quantile(0.9)")


def histogram(summaries: Iterable[str | Summary]) -> bool:
    """Return True if any of these summaries needs a histogram, which takes more memory than moments.

    >>> histogram(["mean"]), histogram(["bias", "median_abs_error"])
    (False, True)
    """
    return any(summary_of(source).histogram for source in summaries)
