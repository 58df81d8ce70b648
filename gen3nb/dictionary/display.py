"""How nodes, properties and dictionaries look in a notebook; every text of a server is escaped."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import TYPE_CHECKING

from gen3nb.dictionary.diagram import category_colour, draw
from gen3nb.dictionary.elements import Link, LinkGroup, Node, Property, submitted
from gen3nb.dictionary.wording import link_words, pattern_words, range_words, type_label

if TYPE_CHECKING:
    from gen3nb.dictionary.model import Dictionary

__all__ = ["dictionary_html", "node_html", "property_html"]

_INK = "var(--jp-ui-font-color1,var(--vscode-foreground,var(--pst-color-text-base,CanvasText)))"
_EDGE = "var(--jp-border-color2,var(--vscode-panel-border,var(--pst-color-border,rgba(128,128,128,.35))))"
_CODE = "var(--jp-code-font-family,var(--vscode-editor-font-family,ui-monospace,monospace))"
_STYLE = f"""<style>
.g3-dict{{font:13px/20px var(--jp-ui-font-family,system-ui,sans-serif);color:{_INK};max-width:1100px}}
.g3-dict .head{{display:flex;align-items:center;gap:8px;margin:4px 0;flex-wrap:wrap}}
.g3-dict .name{{font-size:15.6px;font-weight:600}}
.g3-dict .cat{{width:10px;height:10px;border-radius:2px;flex:none;display:inline-block}}
.g3-dict .soft{{opacity:.72;font-size:12px}}
.g3-dict p{{margin:4px 0 8px;max-width:80ch}}
.g3-dict table{{border-collapse:collapse;font-size:12px;margin:4px 0 8px;width:100%;
color:inherit}}
.g3-dict th,.g3-dict td{{color:inherit;text-align:left!important;vertical-align:top;padding:4px 12px 4px 0;
border-bottom:1px solid {_EDGE};background:none;white-space:normal}}
.g3-dict thead th{{font-weight:600;border-bottom-width:2px}}
.g3-dict tbody th{{font-weight:400;font-family:{_CODE};white-space:nowrap}}
.g3-dict .type{{white-space:nowrap}}
.g3-dict .req{{color:var(--jp-error-color1,#d32f2f);font-weight:600}}
.g3-dict details>summary{{cursor:pointer}}
.g3-dict .values{{max-height:240px;overflow:auto}}
</style>"""
_FEW = 8
_SHORT = 160


def node_html(node: Node) -> str:
    """Give a node as HTML: what it is, its links, and its properties with what each may be.

    Parameters
    ----------
    node : Node

    Returns
    -------
    str
    """
    props = submitted(node)
    required = sum(prop.required for prop in props.values())
    facts = [node.category or "no category", _count(len(props), "property", "properties")]
    facts += [f"{required} required"] if required else []
    facts += [] if node.submittable else ["not for submission"]
    # the name first, then links, then what is required
    ordered = sorted(props.values(), key=lambda prop: (prop.name != node.key, not prop.required))
    rows = [_property_row(prop) for prop in ordered]
    at = 1 if node.key in props else 0
    rows[at:at] = [_link_row(link, node) for link in node.links]
    own = [name for name in node.properties if name not in props and name != "type"]
    groups = [_group_words(entry) for entry in node.link_groups if isinstance(entry, LinkGroup)]
    same = node.title.casefold().replace(" ", "_") == node.name.casefold()
    title = "" if same else f'<span class="soft">{escape(node.title)}</span>'
    parts = [
        f'<div class="g3-dict">{_STYLE}<div class="head">{_square(node)}'
        f'<span class="name">{escape(node.name)}</span>{title}'
        f'<span class="soft">{escape(" · ".join(facts))}</span></div>',
        f"<p>{escape(node.description)}</p>" if node.description else "",
        *(f"<p>{escape(words)}</p>" for words in groups),
        _table(("column", "type", "values or range", "description"), rows),
        f'<p class="soft">The commons fills in: {escape(", ".join(own))}.</p>' if own else "",
        '<p class="soft"><span class="req">*</span> required</p></div>',
    ]
    return "".join(parts)


def property_html(prop: Property) -> str:
    """Give a property as HTML.

    Parameters
    ----------
    prop : Property

    Returns
    -------
    str
    """
    need = "required" if prop.required else "optional"
    return (
        f'<div class="g3-dict">{_STYLE}<div class="head"><span class="name">{escape(prop.name)}</span>'
        f'<span class="soft">{escape(type_label(prop))} · {need}</span></div>'
        f"<p>{escape(prop.description)}</p><p>{_allowed(prop)}</p></div>"
    )


def dictionary_html(dictionary: Dictionary) -> str:
    """Give a dictionary as HTML: its diagram, and a table of its nodes to unfold.

    Parameters
    ----------
    dictionary : Dictionary

    Returns
    -------
    str
    """
    rows = []
    for node in dictionary.values():
        parents = ", ".join(dict.fromkeys(link.target for link in node.links))
        count = len(submitted(node))
        rows.append(
            f"<tr><th scope=row>{_square(node)} {escape(node.name)}</th><td>{escape(node.category)}</td>"
            f"<td>{count}</td><td>{escape(parents)}</td><td>{_long(node.description)}</td></tr>"
        )
    source = f'<span class="soft">{escape(dictionary.source)}</span>' if dictionary.source else ""
    total = sum(len(submitted(node)) for node in dictionary.values())
    facts = f"{_count(len(dictionary), 'node', 'nodes')} · {total:,} properties · {dictionary.digest}"
    return (
        f'<div class="g3-dict">{_STYLE}<div class="head"><span class="name">Data dictionary</span>{source}'
        f'<span class="soft">{facts}</span></div>{draw(dictionary, "svg")}'
        f"<details><summary>All nodes</summary>"
        f"{_table(('node', 'category', 'properties', 'parents', 'description'), rows)}</details></div>"
    )


def _count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"


def _square(node: Node) -> str:
    return f'<span class="cat" style="background:{category_colour(node)}"></span>'


def _table(heads: Iterable[str], rows: Iterable[str]) -> str:
    cells = "".join(f"<th scope=col>{head}</th>" for head in heads)
    return f"<table><thead><tr>{cells}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _star(required: bool) -> str:
    return ' <span class="req" title="required" aria-label="required">*</span>' if required else ""


def _link_row(link: Link, node: Node) -> str:
    return (
        f"<tr><th scope=row>{escape(link.column)}{_star(link.name in node.required)}</th>"
        f'<td class="type">link → {escape(link.target)}</td><td>{escape(link_words(link))}</td>'
        f"<td>{escape(link.label.replace('_', ' '))}</td></tr>"
    )


def _property_row(prop: Property) -> str:
    return (
        f"<tr><th scope=row>{escape(prop.name)}{_star(prop.required)}</th>"
        f'<td class="type">{escape(_plain_type(prop))}</td><td>{_allowed(prop)}</td>'
        f"<td>{_long(prop.description)}</td></tr>"
    )


def _plain_type(prop: Property) -> str:
    """Give the type without the limits, which have their own column."""
    return (
        "value" if prop.kind == "enum" and len(prop.enum or ()) == 1 else type_label(prop).partition(",")[0]
    )


def _allowed(prop: Property) -> str:
    """Give vocabulary, range, form; a long vocabulary folded."""
    held = prop.items if prop.kind == "array" and prop.items is not None else prop
    if held.enum is not None:
        words = escape(", ".join(str(value) for value in held.enum if value not in held.deprecated))
        if len(held.enum) <= _FEW:
            return words
        return (
            f'<details><summary>{len(held.enum)} values</summary><div class="values">{words}</div></details>'
        )
    parts = [range_words(held), pattern_words(held.pattern) if held.pattern else "", _length(held)]
    parts += [held.format.replace("-", " and ") if held.format == "date-time" else held.format or ""]
    return escape("; ".join(part for part in parts if part))


def _length(prop: Property) -> str:
    low, high = prop.schema.get("minLength"), prop.schema.get("maxLength")
    if not isinstance(low, int) and not isinstance(high, int):
        return ""
    return f"{low or 0} to {high} characters" if isinstance(high, int) else f"at least {low} characters"


def _long(text: str) -> str:
    if len(text) <= _SHORT:
        return escape(text)
    cut = text[:_SHORT].rsplit(" ", 1)[0]
    return f"<details><summary>{escape(cut)} …</summary>{escape(text)}</details>"


def _group_words(group: LinkGroup) -> str:
    """Say in a sentence what a group of links asks for."""
    count = "exactly one" if group.exclusive and group.required else "at most one" if group.exclusive else ""
    count = count or ("at least one" if group.required else "any")
    members = ", ".join(str(one) if isinstance(one, LinkGroup) else one.name for one in group.members)
    return f"Links: {count} of {members}."
