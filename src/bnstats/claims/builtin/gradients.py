"""Claims about the effect of normalizing by the batch on gradients, at initialization."""

from __future__ import annotations

from bnstats.claims import Claim, Measure, Measures, Within
from bnstats.claims.builtin.shapes import likely
from bnstats.datasets.dataset import Dataset
from bnstats.datasets.row_batching import Shuffled
from bnstats.networks.recipe import Recipe
from bnstats.studies.gradients.exact import RELU_LIMIT
from bnstats.studies.gradients.study import ALL_LAYERS, FACTOR, SQUARED_NORM, GradientStudy

ORDER = "question: in a batch of two only the order survives, so nothing can be learned from values"
YANG = "Yang et al. 2019, arXiv 1902.08129: gradients grow from layer to layer"


def _measure(n: int, width: int, depth: int, layer: int, name: str, activation: str = "relu") -> Measures:
    recipe = Recipe(hidden=(width,) * depth, activation=activation)
    study = GradientStudy(Dataset.of("gaussians"), (recipe,), Shuffled(), (n,), (0,))
    scope = f"gaussians; untrained networks; hidden units: {depth} times {width}; activation: {activation}"
    return Measures(((Measure(study, (0, layer, name), scope), 1.0),))


# Squared gradient norm next to the input with batches of 2, less a tenth of the squared norm with batches of 8.
_SMALL = Within(_measure(2, 64, 4, 1, SQUARED_NORM) - _measure(8, 64, 4, 1, SQUARED_NORM) * 0.1, high=0.0)


def _at_2(name: str, statement: str, low: float) -> Claim:
    event = "the squared gradient norm of the first weights at n = 2 is below a tenth of that at n = 8"
    return likely(name, statement, ORDER, event, _SMALL, low, 2**12)


CLAIMS = (
    _at_2(
        "gradient-mostly-stopped-at-2",
        "In batches of 2, hardly any gradient reaches the first weights of most untrained networks with ReLU.",
        0.5,
    ),
    _at_2(
        "gradient-always-stopped-at-2",
        "In batches of 2, no gradient reaches the first weights of untrained networks, whatever eps lets through.",
        0.99,
    ),
    # The limit holds for large batches and wide layers. The margin of a tenth allows for three things: the factor of
    # batches of 64 is a few percent larger, the factor of 128 units is as much smaller, and single networks vary.
    likely(
        "gradient-grows-with-relu",
        "With ReLU, gradients of untrained networks grow from layer to layer, by about pi/(pi - 1) = 1.467 at n = 64.",
        YANG,
        "the mean factor per layer is within a tenth of pi/(pi - 1), six layers of 128 units",
        Within(_measure(64, 128, 6, ALL_LAYERS, FACTOR), 0.9 * RELU_LIMIT, 1.1 * RELU_LIMIT),
        low=0.8,
    ),
    likely(
        "gradient-grows-without-relu",
        "Without activation, gradients of untrained networks grow by about (n - 2)/(n - 3) a layer: 1.2 at n = 8.",
        YANG,
        "the mean factor per layer is within 0.15 of 1.2, six linear layers of 128 units",
        Within(_measure(8, 128, 6, ALL_LAYERS, FACTOR, "linear"), 1.05, 1.35),
        low=0.8,
    ),
)
