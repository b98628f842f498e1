"""Imports between the rooms of the package, read from its source, and their picture."""

from __future__ import annotations

import ast
import html
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2] / "src" / "bnstats"
NAMESPACES = "public names"
GROUND = "_checks, _compiled"

WIDTH, HEIGHT, ROW, PAGE = 150, 34, 86, 860
"""Size of a box, distance of two rows, and width of the picture, in pixels."""


def room_of(path: str) -> str:
    """Return the room of a file or module, given its path below the package.

    >>> room_of("simulation/run"), room_of("theory"), room_of("_warnings")
    ('simulation', 'public names', '_checks, _compiled')
    """
    top = path.split("/")[0]
    if top in ("_versions", "__main__"):
        return {"_versions": NAMESPACES, "__main__": "cli"}[top]
    if top.startswith("_"):
        return GROUND
    return top if (SOURCE / top).is_dir() else NAMESPACES


def imports() -> dict[str, set[str]]:
    """Return the rooms that each room imports, late imports included and imports for annotations left out."""
    found: dict[str, set[str]] = {}
    for path in sorted(SOURCE.rglob("*.py")):
        if path.name == "__init__.py" and path.parent == SOURCE:
            continue
        room = room_of(path.relative_to(SOURCE).with_suffix("").as_posix())
        rooms = {room_of(module) for module in _imported(ast.parse(path.read_text("utf-8")))}
        found.setdefault(room, set()).update(rooms - {room})
    return found


def _imported(node: ast.AST) -> Iterator[str]:
    """Yield the modules of the package that a syntax tree imports, as paths."""
    if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
        return
    if isinstance(node, ast.ImportFrom) and node.module == "bnstats":
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("bnstats."):
        yield str(node.module).removeprefix("bnstats.").replace(".", "/")
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.expr):  # no expression holds an import
            yield from _imported(child)


def below(graph: dict[str, set[str]], room: str) -> set[str]:
    """Return all rooms that a room imports, directly or through others."""
    direct = graph.get(room, set())
    return direct.union(*(below(graph, other) for other in direct))


def essential(graph: dict[str, set[str]]) -> dict[str, set[str]]:
    """Return the imports that do not follow from other imports: the picture shows no others.

    >>> essential({"a": {"b", "c"}, "b": {"c"}, "c": set()})
    {'a': {'b'}, 'b': {'c'}, 'c': set()}
    """
    return {
        room: {one for one in direct if not any(one in below(graph, other) for other in direct - {one})}
        for room, direct in graph.items()
    }


def rows(graph: dict[str, set[str]]) -> list[list[str]]:
    """Return the rooms from the top: each room is one row below the lowest room that imports it.

    A room that no other room imports is one row above the highest room that it imports.

    >>> rows({"a": {"b"}, "b": {"d"}, "c": {"d"}, "d": set()})
    [['a'], ['b', 'c'], ['d']]
    """
    depth: dict[str, int] = {}
    for room in sorted(graph, key=lambda room: len(below(graph, room)), reverse=True):
        depth[room] = 1 + max((depth[other] for other in depth if room in graph[other]), default=-1)
    for room in [room for room in graph if graph[room] and not any(room in others for others in graph.values())]:
        depth[room] = min(depth[other] for other in graph[room]) - 1
    return [sorted(room for room in depth if depth[room] == level) for level in range(max(depth.values()) + 1)]


def places(graph: dict[str, set[str]]) -> dict[str, tuple[float, float]]:
    """Return the center of each room's box, in pixels: below the rooms that import it."""
    found: dict[str, tuple[float, float]] = {}
    for level, row in enumerate(rows(graph)):
        above = {room: [found[other][0] for other in found if room in essential(graph)[other]] for room in row}
        row.sort(key=lambda room: (sum(above[room]) / len(above[room]) if above[room] else PAGE, room))
        for i, room in enumerate(row):
            found[room] = PAGE * (i + 0.5) / len(row), ROW * level + HEIGHT
    return found


def write_imports(path: Path) -> None:
    """Write the picture of the rooms and their imports."""
    path.write_text(picture(imports()), encoding="utf-8")


def picture(graph: dict[str, set[str]]) -> str:
    """Return an SVG image with a box for each room and an arrow for each import that does not follow from others.

    All rooms import the lowest one, to which no arrows lead.
    """
    place = places(graph)
    lines = [
        f'<path d="M{place[room][0]:.0f},{place[room][1] + HEIGHT / 2:.0f} '
        f'L{place[other][0]:.0f},{place[other][1] - HEIGHT / 2 - 4:.0f}" marker-end="url(#down)"/>'
        for room, others in essential(graph).items()
        for other in sorted(others - {GROUND})
    ]
    wide = {room: PAGE - 20 if room == GROUND else WIDTH for room in place}
    boxes = [
        f'<rect x="{x - wide[room] / 2:.0f}" y="{y - HEIGHT / 2:.0f}" width="{wide[room]}" height="{HEIGHT}" rx="5"/>'
        f'<text x="{x:.0f}" y="{y + 5:.0f}">{html.escape(room)}</text>'
        for room, (x, y) in place.items()
    ]
    high = ROW * (len(rows(graph)) - 1) + 2 * HEIGHT
    return (
        f'<svg class="imports" viewBox="0 0 {PAGE} {high}" role="img" '
        'aria-label="Folders of the package; an arrow leads from a folder to one that it imports">\n'
        '<defs><marker id="down" viewBox="0 0 8 8" refX="6" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0,0 L8,4 L0,8 z"/></marker></defs>\n'
        f"<g class='lines'>{chr(10).join(lines)}</g>\n<g class='rooms'>{chr(10).join(boxes)}</g>\n</svg>\n"
    )
