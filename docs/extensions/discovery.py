"""Metadata for search engines and messengers: a description of each page, a card to show, and the map of the site.

The card is a picture of the site's title beside its main figure. The map needs the site's address, which stands in
`pyproject.toml`; without an address there is none.
"""

from __future__ import annotations

import re
from html import escape, unescape
from pathlib import Path
from typing import Any

from docutils import nodes

FIGURE = Path(__file__).resolve().parents[2] / "figures" / "letter_grades.png"
CARD, SIZE = "_static/card.png", (1200, 630)
LONGEST = 200


def description(tree: nodes.document | None) -> str:
    """Return the first paragraph of a page, cut at a word."""
    text = next((" ".join(p.astext().split()) for p in tree.findall(nodes.paragraph)), "") if tree else ""
    return text if len(text) <= LONGEST else text[:LONGEST].rpartition(" ")[0] + " ..."


def tags(title: str, about: str, address: str, page: str) -> str:
    """Return the tags of a page's head.

    >>> tags("Data", "Nothing is downloaded.", "", "data").splitlines()[0]
    '<meta property="og:title" content="Data">'
    """
    up = "../" * page.count("/")
    properties = {
        "og:title": title,
        "og:description": about,
        "og:type": "website",
        "og:site_name": "bnstats",
        "og:image": f"{address or up}{CARD}",
        **({"og:url": f"{address}{page}.html"} if address else {}),
    }
    lines = [f'<meta property="{name}" content="{escape(value)}">' for name, value in properties.items()]
    return "\n".join([*lines, '<meta name="twitter:card" content="summary_large_image">', _described(about)])


def _described(about: str) -> str:
    return f'<meta name="description" content="{escape(about)}">'


def sitemap(address: str, pages: list[str]) -> str:
    """Return the map of the site.

    >>> "<loc>https://x.example/data.html</loc>" in sitemap("https://x.example/", ["data"])
    True
    """
    places = "\n".join(f"  <url><loc>{escape(address)}{escape(page)}.html</loc></url>" for page in sorted(pages))
    schema = "http://www.sitemaps.org/schemas/sitemap/0.9"
    return f'<?xml version="1.0" encoding="utf-8"?>\n<urlset xmlns="{schema}">\n{places}\n</urlset>\n'


def draw_card(path: Path) -> None:
    """Draw the title above the main figure."""
    import matplotlib.pyplot as plt

    figure = plt.figure(figsize=(SIZE[0] / 100, SIZE[1] / 100), dpi=100, facecolor="white")
    figure.text(0.5, 0.87, "Why does batch normalization not break training?", ha="center", fontsize=30, weight="bold")
    figure.text(0.5, 0.79, "bnstats: exact theory, and simulation with honest errors", ha="center", fontsize=20)
    ax = figure.add_axes((0.03, 0.02, 0.94, 0.72))
    ax.imshow(plt.imread(FIGURE))
    ax.axis("off")
    figure.savefig(path)
    plt.close(figure)


def _address(app: Any) -> str:
    address = str(app.config.html_baseurl)
    return address if not address or address.endswith("/") else f"{address}/"


def _describe(app: Any, page: str, _template: str, context: dict[str, Any], tree: nodes.document | None) -> None:
    title = re.sub("<[^>]*>", "", unescape(context.get("title", "bnstats")))
    about = description(tree)
    context["metatags"] = f"{context.get('metatags', '')}\n{tags(title, about, _address(app), page)}"


def _finish(app: Any, problem: Exception | None) -> None:
    if problem is not None or app.builder.format != "html":
        return
    draw_card(Path(app.outdir) / CARD)
    if address := _address(app):
        (Path(app.outdir) / "sitemap.xml").write_text(sitemap(address, sorted(app.env.found_docs)))


def setup(app: Any) -> dict[str, bool]:
    """Tell Sphinx what this file adds."""
    app.connect("html-page-context", _describe)
    app.connect("build-finished", _finish)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
