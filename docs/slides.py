"""Slides for a class, one panel each, from the saved numbers: `python -m docs.slides OUT [NAME ...]`."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec

from analyses.__main__ import MODULES
from analyses.figure_files import FIGURES
from analyses.layout import fit_titles, panels_of

# A slide of 16 to 9 in inches, so small that its letters are large; and pixels to an inch.
SIZE, DPI = (6.4, 3.6), 300


def slides(module: ModuleType, numbers: pd.DataFrame) -> Iterator[Figure]:
    """Each panel of an analysis's figure alone, under the figure's title, and with its legend."""
    count = len(panels_of(module.plot(numbers)))
    plt.close("all")
    for i in range(count):
        figure = module.plot(numbers)
        _leave(figure, i)
        fit_titles(figure)
        yield figure
        plt.close(figure)


def _leave(figure: Figure, i: int) -> None:
    """Remove all panels but one, which takes their place."""
    kept = panels_of(figure)[i]
    first = panels_of(figure)[0]
    if not kept.get_ylabel() and first.get_shared_y_axes().joined(kept, first):
        kept.set_ylabel(first.get_ylabel())
    for ax in panels_of(figure):
        if ax is not kept:
            ax.remove()
    kept.set_subplotspec(GridSpec(1, 1, figure=figure)[0])
    kept.tick_params(labelleft=True)
    figure.set_size_inches(SIZE)


def write(name: str, out: Path) -> list[Path]:
    """Write NAME-1.png, NAME-1.svg and so on; the same numbers give the same bytes."""
    made = []
    with mpl.rc_context({"svg.hashsalt": name, "svg.fonttype": "none"}):
        for i, figure in enumerate(slides(MODULES[name], pd.read_csv(FIGURES / f"{name}.csv")), start=1):
            for ending, metadata in (("png", {"Software": None}), ("svg", {"Date": None})):
                made.append(out / f"{name}-{i}.{ending}")
                figure.savefig(made[-1], dpi=DPI, metadata=metadata)
    return made


def _known(name: str) -> str:
    if name not in MODULES or not (FIGURES / f"{name}.csv").exists():
        raise argparse.ArgumentTypeError(f"no numbers of an analysis {name}; there are: {', '.join(_saved())}")
    return name


def _saved() -> list[str]:
    return [name for name in MODULES if (FIGURES / f"{name}.csv").exists()]


def main(argv: Sequence[str] | None = None) -> list[Path]:
    """Write the slides that the command line names, and return their paths."""
    parser = argparse.ArgumentParser(prog="python -m docs.slides", description=__doc__)
    parser.add_argument("out", type=Path, help="folder for NAME-1.png and NAME-1.svg, which are replaced")
    parser.add_argument("names", nargs="*", metavar="NAME", type=_known, help="analyses (default: all)")
    chosen = parser.parse_args(argv)
    chosen.out.mkdir(parents=True, exist_ok=True)
    mpl.use("Agg")
    made = [path for name in chosen.names or _saved() for path in write(name, chosen.out)]
    print(f"{len(made)} files in {chosen.out}")
    return made


if __name__ == "__main__":
    main()
