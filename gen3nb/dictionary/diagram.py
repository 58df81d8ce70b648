"""The dictionary as a picture: SVG for a notebook, Mermaid for a Markdown page."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from gen3nb.dictionary.elements import Link, Node, submitted
from gen3nb.dictionary.layout import Point, arrange
from gen3nb.dictionary.wording import link_words
from gen3nb.errors import DictionaryError

if TYPE_CHECKING:
    from gen3nb.dictionary.model import Dictionary

__all__ = ["CATEGORY_COLOURS", "Diagram", "category_colour", "draw"]

# Four hues, read on light and on dark ground.
CATEGORY_COLOURS = {
    "administrative": "#6b7d8f",
    "clinical": "#2f7fc1",
    "biospecimen": "#3f9142",
    "data file": "#b0702a",
}
_HEIGHT = 36
_MARGIN = 12
# JupyterLab's colours, VS Code's, those of the docs' theme, the browser's own: whichever is there.
_GROUND = "var(--jp-layout-color1,var(--vscode-editor-background,var(--pst-color-background,Canvas)))"
_INK = "var(--jp-ui-font-color1,var(--vscode-foreground,var(--pst-color-text-base,CanvasText)))"
_STYLE = f"""
.g3-diagram{{color-scheme:light dark;color:{_INK};max-width:100%;height:auto}}
.g3-diagram text{{fill:currentColor;font:11px var(--jp-ui-font-family,system-ui,sans-serif)}}
.g3-diagram .note{{font-size:10px;fill-opacity:.68}}
.g3-diagram .box{{fill:{_GROUND}}}
.g3-diagram .link{{fill:none;stroke:currentColor;stroke-opacity:.42;stroke-width:1.25}}
.g3-diagram .link:hover{{stroke-opacity:1;stroke-width:2}}
.g3-diagram .optional{{stroke-dasharray:4 3}}
"""


class Diagram:
    """A drawing of the dictionary.

    ``str()`` gives its text (SVG or Mermaid), :meth:`save` writes it, a notebook shows it.

    Parameters
    ----------
    text : str
    format : {"svg", "mermaid"}
    """

    def __init__(self, text: str, format: Literal["svg", "mermaid"]) -> None:
        self.text = text
        self.format = format

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"<Diagram: {self.format}, {len(self.text):,} characters>"

    def save(self, path: str | Path) -> Path:
        """Write the drawing to a file.

        Parameters
        ----------
        path : str or Path
            For an SVG, or for Mermaid's text.

        Returns
        -------
        Path
        """
        file = Path(path)
        file.write_text(self.text, encoding="utf-8")
        return file

    def _repr_svg_(self) -> str | None:
        return self.text if self.format == "svg" else None

    def _repr_html_(self) -> str | None:
        # inside the page, so that it takes the page's colours; as an image it would not
        return self.text if self.format == "svg" else None

    def _repr_markdown_(self) -> str | None:
        return f"```mermaid\n{self.text}```\n" if self.format == "mermaid" else None

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, str]:
        if self.format == "svg":
            return {"text/html": self.text, "image/svg+xml": self.text, "text/plain": repr(self)}
        return {"text/vnd.mermaid": self.text, "text/plain": self.text}


def category_colour(node: Node) -> str:
    """Give the colour of a node's category; one that is not known is drawn as administrative."""
    return CATEGORY_COLOURS[_family(node)]


def _family(node: Node) -> str:
    """Give which of the four colours a category has."""
    if node.is_file:
        return "data file"
    family = {"notation": "clinical", "analysis": "data file", "medical_history": "clinical"}.get(
        node.category
    )
    return family or (node.category if node.category in CATEGORY_COLOURS else "administrative")


def draw(dictionary: Dictionary, format: str, names: Sequence[str] | None = None) -> Diagram:
    """Draw nodes and the links between them (see :meth:`Dictionary.diagram`)."""
    chosen = set(dictionary if names is None else names)
    nodes = {name: node for name, node in dictionary.items() if name in chosen}
    links = [link for node in nodes.values() for link in node.links if link.target in nodes]
    if format == "svg":
        return Diagram(_svg(nodes, links), "svg")
    if format == "mermaid":
        return Diagram(_mermaid(nodes, links), "mermaid")
    raise DictionaryError(f"A diagram comes as 'svg' or 'mermaid', not as {format!r}.")


# --- SVG ------------------------------------------------------------------------------------------------


def _svg(nodes: Mapping[str, Node], links: Sequence[Link]) -> str:
    widths = {name: max(6.3 * len(name) + 24, 84.0) for name in nodes}
    between = [link for link in links if link.source != link.target]
    layout = arrange(widths, [(link.target, link.source) for link in between], height=_HEIGHT)
    families = [
        family for family in CATEGORY_COLOURS if any(_family(node) == family for node in nodes.values())
    ]
    own = [link for link in links if link.source == link.target]
    legend_top = layout.height + 2 * _MARGIN
    width = max(layout.width + (30 if own else 0), 110 * len(families)) + 2 * _MARGIN
    height = legend_top + 22
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="g3-diagram" role="img" '
        f'aria-label="Data model: {len(nodes)} nodes and {len(links)} links" '
        f'width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="{-_MARGIN} {-_MARGIN} {width:.0f} {height:.0f}">',
        f"<style>{_STYLE}</style>",
    ]
    parts += [_line(between[line.number], line.points) for line in layout.lines]
    parts += [_loop(link, layout.places[link.source], widths[link.source]) for link in own]
    parts += [_box(node, layout.places[name], widths[name]) for name, node in nodes.items()]
    parts += _legend(families, legend_top)
    return "\n".join([*parts, "</svg>\n"])


def _line(link: Link, points: Sequence[Point]) -> str:
    """Draw a link as a curve that leaves and reaches boxes upright."""
    path = [f"M{points[0][0]:.1f} {points[0][1]:.1f}"]
    for (x1, y1), (x2, y2) in pairwise(points):
        if abs(x1 - x2) < 0.5:
            path.append(f"L{x2:.1f} {y2:.1f}")
        else:
            middle = (y1 + y2) / 2
            path.append(f"C{x1:.1f} {middle:.1f} {x2:.1f} {middle:.1f} {x2:.1f} {y2:.1f}")
    return _path(link, "".join(path))


def _loop(link: Link, place: Point, width: float) -> str:
    """Draw a link of a node to itself as a loop at the right of its box."""
    right, y = place[0] + width / 2, place[1]
    out = right + 26
    start, end = f"M{right:.1f} {y + 9:.1f}", f"{right:.1f} {y - 9:.1f}"
    return _path(link, f"{start}C{out:.1f} {y + 16:.1f} {out:.1f} {y - 16:.1f} {end}")


def _path(link: Link, course: str) -> str:
    need = "required" if link.required else "optional"
    title = f"{link.source} → {link.target}: {link.name} ({need}; {link_words(link)})"
    return f'<path class="link {need}" d="{course}"><title>{escape(title)}</title></path>'


def _box(node: Node, place: Point, width: float) -> str:
    x, y = place[0] - width / 2, place[1] - _HEIGHT / 2
    colour, count = category_colour(node), len(submitted(node))
    note = f"{count} {'property' if count == 1 else 'properties'}"
    title = f"{node.title}: {node.description}" if node.description else node.title
    return (
        f'<g class="node" data-node="{escape(node.name)}" transform="translate({x:.1f} {y:.1f})">'
        f"<title>{escape(title)}</title>"
        f'<rect class="box" width="{width:.1f}" height="{_HEIGHT}" rx="3" fill="#fff" stroke="{colour}"/>'
        f'<path d="M3 0h2v{_HEIGHT}h-2a3 3 0 0 1-3-3v-{_HEIGHT - 6}a3 3 0 0 1 3-3z" fill="{colour}"/>'
        f'<text x="13" y="15">{escape(node.name)}</text><text class="note" x="13" y="28">{note}</text></g>'
    )


def _legend(families: Iterable[str], top: float) -> list[str]:
    parts = []
    for number, family in enumerate(families):
        x = number * 110
        parts.append(
            f'<rect x="{x}" y="{top - 8:.1f}" width="8" height="8" rx="2" fill="{CATEGORY_COLOURS[family]}"/>'
            f'<text class="note" x="{x + 13}" y="{top:.1f}">{family}</text>'
        )
    return parts


# --- Mermaid --------------------------------------------------------------------------------------------


def _mermaid(nodes: Mapping[str, Node], links: Sequence[Link]) -> str:
    """Write a flowchart; every identifier is a number of ours, so that no name can break the syntax."""
    number = {name: f"n{place}" for place, name in enumerate(nodes)}
    text = ["flowchart TD"]
    text += [
        f'  {number[name]}["{_mermaid_text(name)}"]:::{_css(_family(node))}' for name, node in nodes.items()
    ]
    for link in links:
        arrow = "---" if link.required else "-.-"
        text.append(f'  {number[link.target]} {arrow}|"{_mermaid_text(link.name)}"| {number[link.source]}')
    for family, colour in CATEGORY_COLOURS.items():
        text.append(f"  classDef {_css(family)} stroke:{colour},stroke-width:2px")
    return "\n".join(text) + "\n"


def _css(family: str) -> str:
    return family.replace(" ", "_")


def _mermaid_text(text: str) -> str:
    return re.sub(r"[^\w .\-]", lambda found: f"#{ord(found[0])};", text)
