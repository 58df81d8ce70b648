"""``gen3nb dictionary``: what a commons holds."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from gen3nb.cli.grammar import Commands
from gen3nb.cli.output import AsJson, note, show, show_frame, show_json
from gen3nb.cli.target import Credentials, Endpoint, Profile, connected
from gen3nb.errors import DictionaryError

if TYPE_CHECKING:
    from gen3nb.dictionary import Dictionary, Node

__all__ = ["app"]

app = Commands("The data dictionary of a commons: its nodes, their properties and links.")

Source = Annotated[
    str | None,
    typer.Option(
        "--dictionary",
        metavar="PATH",
        help="Read a folder of YAML schemas or a JSON file in place of a commons; `default` is the default "
        "Gen3 dictionary.",
    ),
]
NodeName = Annotated[str, typer.Argument(metavar="NODE", help="A node, such as `case`.")]
Output = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write there, not to the terminal.")
]


@app.command("ls")
def list_nodes(
    source: Source = None,
    profile: Profile = None,
    endpoint: Endpoint = None,
    cred: Credentials = None,
    as_json: AsJson = False,
) -> None:
    """List the nodes, parents first."""
    nodes = _dictionary(source, profile, endpoint, cred).nodes
    show_frame(nodes if as_json else nodes[["node", "category", "properties", "parents"]], as_json=as_json)


@app.command("show")
def show_node(
    node: NodeName,
    name: Annotated[
        str | None, typer.Argument(metavar="PROPERTY", help="One of its properties, in full.")
    ] = None,
    source: Source = None,
    profile: Profile = None,
    endpoint: Endpoint = None,
    cred: Credentials = None,
    as_json: AsJson = False,
) -> None:
    """Show a node with its links and properties, or one property with all its values."""
    from gen3nb.dictionary.tables import properties_table

    found = _dictionary(source, profile, endpoint, cred)[node]
    if name is not None:
        _show_property(found, name, as_json=as_json)
        return
    table = properties_table(found)
    if as_json:
        show_frame(table, as_json=True)
        return
    show(f"{found.name} ({found.category})")
    if found.description:
        show(found.description)
    show("")
    values = table["values"].str.len().gt(60)
    table.loc[values, "values"] = table.loc[values, "values"].str.slice(0, 60) + " …"
    table["description"] = table["description"].where(table["values"] == "", table["values"])
    show_frame(table[["column", "type", "required", "description"]])


def _show_property(node: Node, name: str, *, as_json: bool) -> None:
    from gen3nb.dictionary.elements import nearest

    prop = node.properties.get(name)
    if prop is None:
        close = nearest(name, node.properties)
        hint = f" Did you mean {' or '.join(map(repr, close))}?" if close else ""
        raise DictionaryError(f"The node {node.name!r} has no property {name!r}.{hint}")
    held = prop.items if prop.items is not None else prop
    if as_json:
        show_json(
            {
                "node": node.name,
                "property": prop.name,
                "type": prop.type_label,
                "required": prop.required,
                "description": prop.description,
                "values": list(held.enum) if held.enum is not None else None,
                "schema": dict(prop.schema),
            }
        )
        return
    show(f"{node.name}.{prop.name}: {prop.type_label}, {'required' if prop.required else 'optional'}")
    for text in (prop.description, *(f"  {value}" for value in held.enum or ())):
        if text:
            show(text)


@app.command()
def search(
    words: Annotated[list[str], typer.Argument(metavar="WORD", help="All must occur.")],
    source: Source = None,
    profile: Profile = None,
    endpoint: Endpoint = None,
    cred: Credentials = None,
    as_json: AsJson = False,
) -> None:
    """Find words in names, descriptions and values; the best matches first."""
    found = _dictionary(source, profile, endpoint, cred).search(" ".join(words))
    show_frame(found if as_json else found[["node", "property", "type", "where"]], as_json=as_json)
    if found.empty:
        note("Nothing found.")


@app.command()
def diagram(
    nodes: Annotated[
        list[str] | None, typer.Argument(metavar="NODE", help="Only these; by default all.")
    ] = None,
    form: Annotated[
        Literal["svg", "mermaid"] | None,
        typer.Option("--format", help="By default as the file's name ends, else Mermaid."),
    ] = None,
    output: Output = None,
    source: Source = None,
    profile: Profile = None,
    endpoint: Endpoint = None,
    cred: Credentials = None,
) -> None:
    """Draw nodes and links, as SVG or as Mermaid text."""
    if form is None:
        form = "svg" if output is not None and output.suffix.lower() == ".svg" else "mermaid"
    drawn = _dictionary(source, profile, endpoint, cred).diagram(form, nodes or None)
    _write(str(drawn), output)


@app.command()
def template(
    node: NodeName,
    output: Output = None,
    source: Source = None,
    profile: Profile = None,
    endpoint: Endpoint = None,
    cred: Credentials = None,
) -> None:
    """Write an empty TSV for a node's records; columns with a star must be filled in."""
    _write(_dictionary(source, profile, endpoint, cred).template(node, "tsv"), output)


@app.command()
def workbook(
    output: Annotated[Path, typer.Argument(metavar="FILE.xlsx", help="Where the form goes.")],
    nodes: Annotated[
        list[str] | None,
        typer.Argument(metavar="NODE", help="Only these; by default all that are submitted."),
    ] = None,
    source: Source = None,
    profile: Profile = None,
    endpoint: Endpoint = None,
    cred: Credentials = None,
) -> None:
    """Write a workbook to be filled in: a sheet for each node, with drop-downs and notes."""
    written = _dictionary(source, profile, endpoint, cred).workbook(output, nodes or None)
    note(f"Written: {written}")


def _write(text: str, output: Path | None) -> None:
    """Write a text as it stands, line ends included."""
    if output is None:
        sys.stdout.buffer.write(text.encode("utf-8"))
        sys.stdout.flush()
        return
    output.write_bytes(text.encode("utf-8"))
    note(f"Written: {output}")


def _dictionary(
    source: str | None, profile: str | None, endpoint: str | None, cred: Path | None
) -> Dictionary:
    """Read the dictionary that the options name: files, or those of a commons."""
    if source is None:
        with connected(profile, endpoint, cred) as commons:
            return commons.dictionary
    from gen3nb.dictionary import Dictionary

    if source == "default":
        return Dictionary.default()
    path = Path(source)
    return Dictionary.from_file(path) if path.is_file() else Dictionary.from_folder(path)
