"""Suggestions for an unknown name: known names of the same meaning first, then of similar letters."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

NEAR = 0.7
"""Minimum similarity (difflib's ratio) of two names that are near."""

# Each line has words with one meaning. For any of its words, all known names in the line are suggested.
SYNONYMS = (
    "normal gaussian gauss norm bell n z",
    "exponential exp expon exponentialdistribution",
    "lognormal lognorm logn galton",
    "uniform unif rectangular rand",
    "laplace doubleexponential",
    "bernoulli binary binomial coin",
    "t5 t3 t2.5 t student students studentt studentst tdist",
    "pareto powerlaw power",
    "mixture bimodal gaussianmixture gmm",
    "rectified relu rectifiednormal halfnormal",
    "contaminated outliers huber tukey",
    "mean average avg mu expectation",
    "var variance biasedvariance s2 sigma2",
    "var_unbiased unbiasedvariance samplevariance unbiasedvar",
    "std sd sigma stddev standarddeviation stdev",
    "inv_std invsd rsqrt rstd precision",
    "fresh_normalized normalized zscore",
    "median med middle",
    "trimmed_mean trimmed trimmean",
    "mad medianabsolutedeviation",
    "torch pytorch lightning",
    "keras tensorflow tf",
    "flax jax linen",
    "batch batchnorm bn batchnormalization batchnormalisation batchnorm1d batchnorm2d",
    "layer layernorm ln layernormalization",
    "group groupnorm gn groupnormalization",
    "rms rmsnorm",
    "renorm batchrenorm brn batchrenormalization",
    "ghost ghostbatchnorm gbn",
    "none no nothing off identity raw uncorrected nonorm",
    "center centre centering centring demean subtractmean",
    "standardize standardise zscore scale scaling standardization",
    "shrink empiricalbayes eb jamesstein shrinkage",
    "combat pycombat sva",
    "random_intercept mixedlm lmm lme mixedmodel blup randomeffect",
    "moving_average rolling rollingmean ma sma runningmean",
    "exponential_average ewm ewma ema exponentialmovingaverage",
    "polynomial poly linear quadratic",
    "lowess loess",
    "spline splines smoothingspline gam",
    "distinct step steps jump jumps batchwise independent",
    "random_walk randomwalk brownian wiener",
    "sinusoid sine sin cos cosine seasonal periodic",
    "trend linear drift line",
    "prediction-time tta adabn testtime nado",
    "se sd stderr standarderror empse",
    "rmse mse rootmeansquareerror",
    "digits mnist8x8 optdigits",
    "gaussians blobs makeblobs gmm",
    "breast_cancer wdbc cancer breastcancer",
)


def meant(name: str, known: Iterable[str]) -> list[str]:
    """Return the known names that are near: of the same spelling or meaning, else the most similar name.

    Spelling counts letters, digits and points, in any case. By letters a name is near if its similarity is at least
    `NEAR`.

    >>> meant("Gauss", ["normal", "uniform"]), meant("t", ["normal", "t5", "t3"]), meant("nrmal", ["normal", "t5"])
    (['normal'], ['t5', 't3'], ['normal'])
    >>> meant("weibull", ["normal", "uniform"])
    []
    """
    spelt = {other: _spelling(other) for other in known}
    own = _spelling(name)
    same = [other for other, spelling in spelt.items() if spelling == own and own]
    if same:
        return same
    meanings = [words for words in _LINES if own in words]
    alike = [other for other, spelling in spelt.items() if any(spelling in words for words in meanings)]
    if alike:
        return alike
    near = difflib.get_close_matches(own, spelt.values(), n=1, cutoff=NEAR)
    return [other for other, spelling in spelt.items() if spelling in near][:1]


def _spelling(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum() or letter == ".")


_LINES = [{_spelling(word) for word in line.split()} for line in SYNONYMS]
