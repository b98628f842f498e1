"""Build the site: `python -m docs [OUT]`; any warning is an error."""

from __future__ import annotations

import sys
from pathlib import Path

from sphinx.cmd.build import build_main

HERE = Path(__file__).parent


def main(out: Path = HERE / "_build" / "html") -> int:
    """0 if the site was built without a warning."""
    return build_main(["-W", "--keep-going", "-q", "-j", "2", "-b", "html", str(HERE), str(out)])


if __name__ == "__main__":
    raise SystemExit(main(*map(Path, sys.argv[1:2])))
