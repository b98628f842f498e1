"""The run at minimum versions installs what is declared, no less and no more."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def declared(extra: str | None = None) -> dict[str, str]:
    """Each package with its minimum version, those of extras that an extra names among them."""
    found: dict[str, str] = {}
    for line in PROJECT["dependencies"] if extra is None else PROJECT["optional-dependencies"][extra]:
        if named := re.fullmatch(r"bnstats\[(.+)\]", line):
            for part in named[1].split(","):
                found |= declared(part)
        else:
            name, _, version = line.partition(">=")
            found[name] = version
    return found


def release(version: str) -> tuple[int, ...]:
    """A version without zeros at its end, so that 2.0 is 2."""
    return tuple(map(int, re.sub(r"(\.0+)+$", "", version).split(".")))


def test_every_declared_minimum_is_the_constraint() -> None:
    lines = (ROOT / "constraints-minimum.txt").read_text().splitlines()
    constraints = dict(line.split("==") for line in lines if not line.startswith("#"))
    wanted = declared() | declared("test")
    assert constraints.keys() == wanted.keys()
    # A first release that does not exist, or does not run here, has a later one of the same minor version.
    other = {
        n: (wanted[n], v) for n, v in constraints.items() if release(v)[: len(release(wanted[n]))] != release(wanted[n])
    }
    assert other == {}
