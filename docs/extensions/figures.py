"""Figures on pages: where a figure has a version for phones, a narrow window shows that one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.transforms import SphinxTransform

FIGURES = Path(__file__).resolve().parents[2] / "figures"
FIGURE = re.compile(r"figures/(\w+)\.png$")


class Narrow(SphinxTransform):
    """Put the narrow version behind each figure; the style shows one of the two."""

    default_priority = 500

    def apply(self, **_: Any) -> None:
        for image in [*self.document.findall(nodes.image)]:
            found = FIGURE.search(image["uri"])
            if found is None or not (FIGURES / f"{found[1]}.narrow.png").exists():
                continue
            narrow = nodes.image(uri=image["uri"].replace(".png", ".narrow.png"), alt=image.get("alt", ""))
            narrow["classes"] = ["narrow"]
            image["classes"] += ["wide-only"]
            image.parent.insert(image.parent.index(image) + 1, narrow)


def setup(app: Any) -> dict[str, bool]:
    """Tell Sphinx what this file adds."""
    app.add_transform(Narrow)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
