"""Make betting_reference.json by the authors' package: `pip install "confseq==0.0.11" "numpy<2"`, and run this file."""

import json
from pathlib import Path

import numpy as np
from confseq.betting import betting_cs

LOOKS = (50, 100, 200, 400)


def main() -> None:
    """Beta(2, 3) values, and the interval at four looks, on a grid of 8000 candidates, stakes of at most 0.98 / m."""
    x = np.random.default_rng(5).beta(2, 3, size=400).round(6)
    low, high = betting_cs(x, alpha=0.01, trunc_scale=0.98, m_trunc=True, breaks=8000, running_intersection=False)
    record = {"x": x.tolist(), "error": 0.01, "looks": LOOKS}
    record["intervals"] = [[float(low[n - 1]), float(high[n - 1])] for n in LOOKS]
    Path(__file__).with_name("betting_reference.json").write_text(json.dumps(record) + "\n")


if __name__ == "__main__":
    main()
