"""Sequential tests of a mean against two borders, valid at every look, by bets (Waudby-Smith & Ramdas 2023).

A bettor bets that the mean is above, or below, a border. If it is not, the expected capital stays at most 1, and by
Ville's inequality it ever reaches 1 / error with a probability of at most `error`: for any number of looks.

Bets on bounded values follow the running mean and variance of earlier values, which makes the capital grow nearly as
fast as possible (their equation 28). These stakes depend on the border, so that no interval follows from them; for one,
`bnstats.claims.betting` takes stakes that do not (equation 26). Bets on values of which only the variance is bounded
are those of Catoni, as Wang & Ramdas (2023, arXiv 2202.01250) use them: a large value counts with its logarithm only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from bnstats._checks.array_types import FloatArray

LARGEST_STAKE = 0.9
"""Part of the capital that is staked on one value, at most."""
FRACTIONS = np.array([[1.0], [0.5], [0.2]])
"""Parts of the stake for symmetric values that accounts bet; of skewed values the full stake is too large."""
STAKES = 2.0 ** np.arange(-2, 3)
"""Stakes of the accounts that bet on values of bounded variance, in units of the best one for a mean in the middle."""


def grown(accounts: FloatArray, growth: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the log capital in each account of a bet, and the largest log mean over the accounts after any value.

    `accounts` is the log capital before, shape (..., accounts); `growth` that of each value, shape
    (..., accounts, values).
    """
    total = accounts[..., None] + np.cumsum(growth, axis=-1)
    peak = total.max(axis=-2, keepdims=True)
    capital = peak[..., 0, :] + np.log(np.exp(total - peak).mean(axis=-2))
    return total[..., -1], capital.max(axis=-1)


@dataclass
class Border:
    """Capital of bets that the mean is above a border, and below it; the largest values so far.

    Attributes
    ----------
    above, below : float
        Largest log capital of each bet at any look.
    """

    at: float
    above: float = 0.0
    below: float = 0.0
    accounts: FloatArray = field(default_factory=lambda: np.zeros((2, 1)))

    def bet(self, growth: FloatArray) -> None:
        """Add the log growth of each value, shape (2, accounts, values); look after each value."""
        self.accounts, capital = grown(self.accounts, growth)
        self.above, self.below = max(self.above, float(capital[0])), max(self.below, float(capital[1]))


@dataclass
class BoundedBets:
    """Bets on values between 0 and 1.

    Attributes
    ----------
    borders : tuple of Border
        Borders that are bet on.
    """

    borders: tuple[Border, ...]
    n: int = 0
    total: float = 0.0
    squares: float = 0.0

    def __post_init__(self) -> None:
        for border in self.borders:
            border.accounts = np.zeros((2, FRACTIONS.size))

    def add(self, x: FloatArray) -> None:
        """Add values, in the order in which they came."""
        count = self.n + np.arange(x.size)
        before = self.total + np.concatenate([[0.0], np.cumsum(x)[:-1]])
        mean = (0.5 + before) / (count + 1)
        square = self.squares + np.concatenate([[0.0], np.cumsum((x - mean) ** 2)[:-1]])
        var = (0.25 + square) / (count + 1)
        for border in self.borders:
            above, under = _growth(x, border.at, mean, var), _growth(1 - x, 1 - border.at, 1 - mean, var)
            border.bet(np.stack([above, under]))
        self.n, self.total = self.n + x.size, self.total + float(x.sum())
        self.squares = float(square[-1] + (x[-1] - mean[-1]) ** 2)


def _growth(x: FloatArray, border: float, mean: FloatArray, var: FloatArray) -> FloatArray:
    """Return the log growth of bets that the mean is above the border, with stakes from earlier values."""
    away = mean - border
    stake = np.clip(away / (var + away**2), 0.0, LARGEST_STAKE / max(border, 1e-12))
    return np.asarray(np.log1p(FRACTIONS * stake * (x - border)))


@dataclass
class MomentBets:
    """Bets on values with at most this variance.

    Attributes
    ----------
    borders : tuple of Border
        Borders that are bet on.
    variance : float
        Largest variance of a value.
    distance : float
        Distance from a border for which the middle account bets best.
    """

    borders: tuple[Border, ...]
    variance: float
    distance: float

    def __post_init__(self) -> None:
        for border in self.borders:
            border.accounts = np.zeros((2, STAKES.size))

    def add(self, x: FloatArray) -> None:
        """Add values, in the order in which they came."""
        stakes = STAKES[:, None] * self.distance / self.variance
        cost = stakes**2 * self.variance / 2
        for border in self.borders:
            y = stakes * (x - border.at)
            border.bet(np.stack([_influence(y) - cost, _influence(-y) - cost]))


def _influence(y: FloatArray) -> FloatArray:
    """Return Catoni's influence function, the logarithm of at most 1 + y + y² / 2."""
    size = np.abs(y)
    return np.asarray(np.sign(y) * np.log1p(size + size**2 / 2))


def reached(log_capital: float, error: float) -> bool:
    """Return True if a capital shows, at this error rate, that its bet is right."""
    return log_capital >= -math.log(error)
