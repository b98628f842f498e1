"""Letters of a normalized 0: grades normalized by their own batch, and the letters that can still be named."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy import stats

from analyses.command_line import Options, run
from analyses.exam_data import course_grades
from analyses.layout import beside
from bnstats.exceptions import PrecisionWarning
from bnstats.plots.elements import MARKERS, log2_ticks, series
from bnstats.plots.figure import SMALL, theme
from bnstats.sampling.populations import Population
from bnstats.statistics.normalized import normalized
from bnstats.studies.information.measure import measure_information
from bnstats.studies.information.raw_given_normalized import measure_raw_given_normalized

LETTERS = "FDCBA"
CUTS = (60.0, 70.0, 80.0, 90.0)
BATCHES = ((90.0, 80.0, 70.0), (60.0, 60.0, 60.0))
SHOWN = (2, 3, 8, 64, 512)
SIZES = (2, 3, 4, 6, 8, 16, 32, 64, 128, 256, 512)


def simulate(options: Options) -> pd.DataFrame:
    """The question's two batches; then real grades, and normal ones of the same mean and standard deviation."""
    real = Population.of(course_grades()["grade"].to_numpy(), "course grades")
    normal = Population.of(stats.norm(real.mean, real.std), "normal")
    sizes = SHOWN if options.quick else SIZES
    frames = [_question()]
    for population in (normal, real):
        name = f"letter_grades-{population.name.replace(' ', '_')}"
        behind = measure_raw_given_normalized(
            population, 0.0, batch_sizes=sizes[1:], **options.study(f"{name}-behind", full=0.005, quick=0.01)
        )
        with few_bits_are_expected():
            named = measure_information(
                population, labels=CUTS, batch_sizes=sizes, **options.study(f"{name}-named", full=0.002, quick=0.02)
            )
        guess = pd.DataFrame(
            [{"measure": "guess", "value": named.guess}, {"measure": "entropy", "value": named.entropy}]
        )
        frames += [
            behind.table.assign(panel="behind zero", population=population.name),
            pd.concat([named.table, guess]).assign(panel="letters named", population=population.name),
        ]
    frame = pd.concat(frames, ignore_index=True).astype({"batch_size": "Int64"})
    first = ["panel", "population", "batch_size", "letter", "raw", "measure"]
    return frame[first + [column for column in frame if column not in first]]


@contextmanager
def few_bits_are_expected() -> Iterator[None]:
    """Be silent where bits alone, which the figure does not show, are less precise than asked.

    In batches of 2 a value holds so few bits (0.25) that their relative error is the largest of all. Warnings that
    name any other number are shown.
    """
    with warnings.catch_warnings():
        only = r"1 of \d+ numbers .*\n.*measure=bits, value=\S+$"
        warnings.filterwarnings("ignore", f"(?s){only}", PrecisionWarning)
        yield


def _question() -> pd.DataFrame:
    rows = []
    for batch in BATCHES:
        z = normalized(np.array([batch]))[0][0]
        for raw, value in zip(batch, z, strict=True):
            row = {"panel": "question", "population": ", ".join(f"{x:.0f}" for x in batch), "batch_size": len(batch)}
            rows.append(row | {"letter": _letter(raw), "raw": raw, "measure": "normalized", "value": value})
    return pd.DataFrame(rows)


def _letter(raw: float) -> str:
    return LETTERS[int(np.digitize(raw, CUTS))]


def plot(frame: pd.DataFrame) -> Figure:
    """Three panels: the question's batches, the raw grades behind a 0, and the letters that can be named."""
    with theme() as palette:
        figure, axes = beside(3, height=4.6)
        _draw_question(axes[0], frame[frame["panel"] == "question"], palette)
        _draw_behind(axes[1], frame[frame["panel"] == "behind zero"], palette)
        _draw_named(axes[2], frame[frame["panel"] == "letters named"], palette)
        named = frame.query("panel == 'letters named' and population == 'course grades' and measure == 'accuracy'")
        right = ", ".join(f"{100 * value:.0f}" for value in named.set_index("batch_size")["value"][[2, 8, 512]])
        figure.suptitle(
            f"A grade normalized by its own batch keeps its letter only if the batch is large: at best, {right} % of "
            "letters are predicted in batches of 2, 8 and 512"
        )
    return figure


def _draw_question(ax: Axes, rows: pd.DataFrame, palette: list) -> None:
    ax.axhline(0, color="0.4", linewidth=1, linestyle="--", zorder=1)
    for i, (name, batch) in enumerate(rows.groupby("population", sort=False)):
        ax.plot(batch["raw"], batch["value"], MARKERS[i], color=palette[2 * i + 2], markersize=9, label=f"batch {name}")
        for (raw, value), same in batch.groupby(["raw", "value"]):
            text = ", ".join(same["letter"])
            ax.annotate(text, (raw, value), (0, 9), textcoords="offset points", ha="center", fontweight="bold")
    zero = sorted(rows.loc[rows["value"].abs() < 1e-9, "letter"].unique())
    ax.set(xlim=(52, 98), ylim=(-1.75, 1.95), title=f"Two batches: a {' and a '.join(zero)} both become 0")
    ax.set(xlabel="raw grade (points)", ylabel="normalized grade")
    ax.legend(loc="upper left")


def _draw_behind(ax: Axes, rows: pd.DataFrame, palette: list) -> None:
    for i, (low, high) in enumerate(zip((40, *CUTS), (*CUTS, 100), strict=True)):
        ax.axhspan(low, high, color="0.5", alpha=0.16 if i % 2 else 0.04, linewidth=0, zorder=0)
        ax.text(0.97, (low + high) / 2, LETTERS[i], transform=ax.get_yaxis_transform(), va="center", ha="right")
    for i, (name, part) in enumerate(rows.groupby("population", sort=False)):
        wide = part.pivot(index="batch_size", columns="measure", values=["value", "mcse", "exact"])
        ends = {}
        for sign in (1, -1):
            end = pd.DataFrame({c: wide[c]["raw_mean"] + sign * 2 * wide[c]["raw_sd"] for c in ("value", "exact")})
            end["mcse"] = np.hypot(wide["mcse"]["raw_mean"], 2 * wide["mcse"]["raw_sd"])
            ends[sign] = end.reset_index()
            label = _NAMES[name] if sign == 1 else None
            series(ax, ends[sign], "batch_size", color=palette[2 * i + 2], marker=MARKERS[i], label=label)
        if ends[1]["exact"].notna().any():
            ax.fill_between(
                ends[1]["batch_size"], ends[-1]["exact"], ends[1]["exact"], color=palette[2 * i + 2], alpha=0.15
            )
    ax.axvline(2, color="0.4", linewidth=1, linestyle=":")
    ax.text(2.08, 41.5, "batches of 2:\nnever 0, only −1 and +1", fontsize=SMALL, color="0.25", va="bottom")
    log2_ticks(ax, SHOWN)
    ax.set(ylim=(40, 100), xlim=(1.8, 900), xlabel="batch size", ylabel="raw grade, mean ± 2 sd (points)")
    ax.set_title(_spread(rows[rows["population"] == "course grades"]))
    ax.grid(axis="y", visible=False)
    ax.legend(loc="upper left")


_NAMES = {"normal": "normal", "course grades": "856 real grades"}


def _spread(rows: pd.DataFrame) -> str:
    """The title: letters within two standard deviations, of the smallest and of the largest batches."""
    value = rows.pivot(index="batch_size", columns="measure", values="value")
    said = []
    for n in (value.index.min(), value.index.max()):
        mean, sd = value.loc[n, "raw_mean"], value.loc[n, "raw_sd"]
        low, high = _letter(mean - 2 * sd), _letter(mean + 2 * sd)
        said.append(f"{low if low == high else f'{low} to {high}'} at {n:.0f}")
    return f"Raw grades behind a 0: {', '.join(said)}"


def _draw_named(ax: Axes, rows: pd.DataFrame, palette: list) -> None:
    for i, (name, part) in enumerate(rows.groupby("population", sort=False)):
        accuracy = part[part["measure"] == "accuracy"]
        percent = accuracy.assign(**{c: 100 * accuracy[c] for c in ("value", "mcse", "exact")})
        series(ax, percent, "batch_size", color=palette[2 * i + 2], marker=MARKERS[i], label=_NAMES[name])
        guess = 100 * part.loc[part["measure"] == "guess", "value"].item()
        label = f"always C: {guess:.0f} %"
        ax.axhline(guess, color=palette[2 * i + 2], linestyle=":", linewidth=1.2, label=label)
    log2_ticks(ax, SHOWN)
    title = "Best accuracy on letters"
    ax.set(ylim=(0, 100), xlabel="batch size", ylabel="accuracy (%)", title=title)
    ax.legend(loc="lower right")


def main(argv: Sequence[str] | None = None) -> Path:
    return run("letter_grades", simulate, plot, argv, __doc__)


if __name__ == "__main__":
    main()
