"""Learning rates: the grid is widened until the best one is inside of it, here and in the committed figures."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import pytest

from analyses.figure_files import FIGURES
from analyses.learning_rates import best_rate, tried_rates


@pytest.mark.parametrize("peak", [0.001, 0.1, 1.0, 50.0])
def test_the_grid_is_widened_until_the_best_is_inside(peak: float) -> None:
    measured: list[float] = []

    def measure(rates: Sequence[float]) -> pd.DataFrame:
        measured.extend(rates)
        return pd.DataFrame({"learning_rate": rates, "value": [-max(r / peak, peak / r) for r in rates]})

    tried = tried_rates(measure, 1.0)
    best = best_rate(tried)
    assert tried["learning_rate"].is_monotonic_increasing
    assert tried["learning_rate"].iloc[0] < best < tried["learning_rate"].iloc[-1]
    assert peak / 3 < best < 3 * peak
    assert sorted(measured) == tried["learning_rate"].tolist()  # none twice


def test_a_rate_that_is_never_best_is_an_error() -> None:
    with pytest.raises(ValueError, match="is still one of the outermost"):
        tried_rates(lambda rates: pd.DataFrame({"learning_rate": rates, "value": rates}), 1.0)


def test_no_chosen_rate_of_the_committed_figure_lies_at_an_edge() -> None:
    choice = pd.read_csv(FIGURES / "remedies.csv").query("stage == 'choice'")
    for condition, tried in choice.groupby(["question", "size", "normalizer"]):
        low, high = tried["learning_rate"].agg(["min", "max"])
        assert low < best_rate(tried) < high, condition
