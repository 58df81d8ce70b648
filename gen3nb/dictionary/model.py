"""The data dictionary of a commons: which nodes there are, what they hold and how they are linked."""

from __future__ import annotations

import hashlib
import importlib.util
import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

from gen3nb.dictionary import graph
from gen3nb.dictionary.elements import Link, Node, Step, nearest
from gen3nb.dictionary.parsing import parse_document, read_folder, without_nulls
from gen3nb.errors import DictionaryError, MissingExtra

if TYPE_CHECKING:
    import pandas as pd

    from gen3nb.dictionary.diagram import Diagram

__all__ = ["Dictionary"]

T = TypeVar("T")


class Dictionary(Mapping[str, Node]):
    """A commons' data dictionary: a mapping of node names to :class:`Node`.

    Made by :meth:`from_json` or :meth:`from_folder`. Two dictionaries are equal if their nodes' schemas are.

    Parameters
    ----------
    nodes : Mapping of str to Node
    settings : Mapping, optional
        The dictionary's ``_settings``.
    source : str
        Where it comes from; shown in messages.

    Examples
    --------
    >>> dictionary = commons.dictionary                                   # doctest: +SKIP
    >>> dictionary["diagnosis"].properties["age_at_diagnosis"].kind       # doctest: +SKIP
    'number'
    """

    def __init__(
        self, nodes: Mapping[str, Node], *, settings: Mapping[str, Any] | None = None, source: str = ""
    ) -> None:
        self._nodes = {name: nodes[name] for name in graph.submission_order(nodes)}
        self.settings = dict(settings or {})
        self.source = source

    @classmethod
    def from_json(cls, document: Mapping[str, Any], *, source: str = "") -> Dictionary:
        """Make a dictionary of the JSON that a commons gives.

        Parameters
        ----------
        document : Mapping
            The answer of sheepdog ``GET /v0/submission/_dictionary/_all``, or the JSON file that a commons
            is configured with (``{"case.yaml": …, "_definitions.yaml": …}``).
        source : str
            Where it comes from, for messages.

        Returns
        -------
        Dictionary

        Raises
        ------
        DictionaryError
            The document is no data dictionary.
        """
        nodes = parse_document(document, source)
        settings = document.get("_settings", document.get("_settings.yaml"))
        return cls(nodes, settings=settings if isinstance(settings, Mapping) else None, source=source)

    @classmethod
    def from_folder(cls, path: str | Path) -> Dictionary:
        """Make a dictionary of a folder of YAML schemas; references are followed over files, never a network.

        Parameters
        ----------
        path : str or Path
            The folder with ``project.yaml``, ``_definitions.yaml`` and the like.

        Returns
        -------
        Dictionary

        Raises
        ------
        MissingExtra
            PyYAML is not installed.
        DictionaryError
            The folder holds no readable dictionary.
        """
        return cls.from_json(read_folder(path), source=str(path))

    @classmethod
    def from_file(cls, path: str | Path) -> Dictionary:
        """Make a dictionary of a JSON file: a saved answer, or the file that a commons is configured with.

        Parameters
        ----------
        path : str or Path

        Returns
        -------
        Dictionary

        Raises
        ------
        DictionaryError
            There is no such file, or it holds no dictionary.
        """
        try:
            document = json.loads(Path(path).read_text("utf-8"))
        except (OSError, ValueError) as problem:
            raise DictionaryError(f"{path} is not readable as a JSON dictionary: {problem}") from problem
        return cls.from_json(document, source=str(path))

    @classmethod
    def default(cls) -> Dictionary:
        """Give the default Gen3 dictionary, from the files of the package ``gen3dictionary``.

        Returns
        -------
        Dictionary

        Raises
        ------
        MissingExtra
            The package is not installed.
        """
        # found, not imported: importing it would load a great deal
        spec = importlib.util.find_spec("gdcdictionary")
        if spec is None or spec.origin is None:
            raise MissingExtra.named("sandbox", "The default Gen3 dictionary")
        return cls.from_json(read_folder(Path(spec.origin).parent / "schemas"), source="gen3dictionary")

    # --- a mapping of nodes ---------------------------------------------------------------------------

    def __getitem__(self, name: str) -> Node:
        if isinstance(name, str) and name in self._nodes:
            return self._nodes[name]
        close = nearest(str(name), self._nodes)
        hint = f" Did you mean {' or '.join(map(repr, close))}?" if close else " See .order for all of them."
        raise DictionaryError(
            f"The dictionary{self._from} has no node {name!r}.{hint}",
            node=str(name),
            suggestions=tuple(close),
        )

    def __iter__(self) -> Iterator[str]:
        return iter(self._nodes)

    def __len__(self) -> int:
        return len(self._nodes)

    def __contains__(self, name: object) -> bool:
        return name in self._nodes

    @overload
    def get(self, name: str, /) -> Node | None: ...
    @overload
    def get(self, name: str, default: Node | T, /) -> Node | T: ...
    def get(self, name: str, default: Node | T | None = None, /) -> Node | T | None:
        """Give a node, or the default where there is none."""
        return self._nodes.get(name, default)

    def __eq__(self, other: object) -> bool:
        return self.digest == other.digest if isinstance(other, Dictionary) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        return f"<Dictionary{self._from}: {len(self)} nodes, {self.digest}>"

    @property
    def _from(self) -> str:
        return f" of {self.source}" if self.source else ""

    @cached_property
    def digest(self) -> str:
        """A short hash of all nodes' schemas: the same where the rules for records are the same.

        Some commons publish that what is optional takes null, others leave it unsaid; the hash is one.
        """
        # The order of keys, nodes and files has no meaning; that of an enum's values has one here.
        rules = {name: without_nulls(node.schema) for name, node in self._nodes.items()}
        text = json.dumps(rules, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    # --- tables ---------------------------------------------------------------------------------------

    @property
    def nodes(self) -> pd.DataFrame:
        """One row per node, in submission order.

        Columns: node, title, category, description, properties and required (how many that a person fills
        in), parents (their names), submittable, is_file.
        """
        from gen3nb.dictionary.tables import nodes_table

        return nodes_table(self)

    @property
    def order(self) -> list[str]:
        """All nodes so that parents stand before their children; program and project first."""
        return list(self._nodes)

    def search(self, text: str) -> pd.DataFrame:
        """Find words in the names, descriptions and values of nodes, properties and links.

        Parameters
        ----------
        text : str
            One or more words; all must occur, in any case and order.

        Returns
        -------
        pandas.DataFrame
            Columns node, property, type, description, where (what matched: "node", "property", "link",
            "value: stage iiia", "description"); best matches first.
        """
        from gen3nb.dictionary.tables import search_table

        return search_table(self, text)

    # --- links ----------------------------------------------------------------------------------------

    def children(self, node: str) -> list[Link]:
        """Give the links by which other nodes (or the node itself) point to a node.

        Parameters
        ----------
        node : str
            The parent.

        Returns
        -------
        list of Link

        Raises
        ------
        DictionaryError
            There is no such node.
        """
        name = self[node].name
        return [link for child in self._nodes.values() for link in child.links if link.target == name]

    def paths(self, start: str, end: str, via: str | Iterable[str] | None = None) -> list[list[Step]]:
        """Give the shortest ways from a node to another along links, up and down; all that are equally short.

        Parameters
        ----------
        start, end : str
            Nodes.
        via : str or iterable of str, optional
            Nodes or links that the way must pass; downwards also a link's backref.

        Returns
        -------
        list of list of Step
            Empty where there is no way.

        Raises
        ------
        DictionaryError
            ``start``, ``end`` or ``via`` is unknown.
        """
        wanted = [via] if isinstance(via, str) else list(via or ())
        links = [link for node in self._nodes.values() for link in node.links]
        known = {name for link in links for name in (link.name, link.backref)}
        for name in wanted:
            if name not in known:
                self[name]
        return graph.shortest_paths(self._nodes, self[start].name, self[end].name, wanted)

    # --- pictures and templates -----------------------------------------------------------------------

    def diagram(
        self, format: Literal["svg", "mermaid"] = "svg", nodes: Iterable[str] | None = None
    ) -> Diagram:
        """Draw the nodes and their links.

        Parameters
        ----------
        format : {"svg", "mermaid"}
            A drawing that a notebook shows, or text for a Markdown page.
        nodes : iterable of str, optional
            Only these nodes, and links between them; default: all.

        Returns
        -------
        Diagram
            ``str()`` gives its text, ``.save(path)`` writes it, a notebook shows it.

        Raises
        ------
        DictionaryError
            A node is unknown.
        """
        from gen3nb.dictionary.diagram import draw

        return draw(self, format, [self[name].name for name in nodes] if nodes is not None else None)

    @overload
    def template(self, node: str, format: Literal["frame"] = "frame") -> pd.DataFrame: ...
    @overload
    def template(self, node: str, format: Literal["tsv"]) -> str: ...
    def template(self, node: str, format: Literal["frame", "tsv"] = "frame") -> pd.DataFrame | str:
        """Give an empty form for records of a node.

        Parameters
        ----------
        node : str
        format : {"frame", "tsv"}
            A DataFrame with typed columns and no row; or the text that sheepdog gives at
            ``GET /v0/submission/template/{node}?format=tsv``: a header with required columns starred, and a
            row with the type alone.

        Returns
        -------
        pandas.DataFrame or str

        Raises
        ------
        DictionaryError
            There is no such node, or no such format.
        """
        from gen3nb.dictionary import templates

        if format == "frame":
            return templates.frame(self[node])
        if format == "tsv":
            return templates.tsv(self[node])
        raise DictionaryError(f"A template comes as 'frame' or 'tsv', not as {format!r}.")

    def workbook(self, path: str | Path, nodes: str | Iterable[str] | None = None) -> Path:
        """Write a workbook to fill in: one sheet per node, to be brought back by ``gen3nb.read_workbook``.

        Columns are those of the template; required ones are coloured, each name has a note with its
        description, type and range. Vocabularies, however long, and yes/no values are drop-downs; cells for
        text are formatted as text, so that a spreadsheet program leaves ``007`` and ``1E5`` as they are. The
        first sheet says in plain words how to fill in the others.

        Parameters
        ----------
        path : str or Path
            Of the ``.xlsx`` to write; it appears whole or not at all, in place of what was there.
        nodes : str or iterable of str, optional
            Which nodes; default: all that are submitted as rows. The sheets stand in submission order.

        Returns
        -------
        Path

        Raises
        ------
        MissingExtra
            openpyxl is not installed.
        DictionaryError
            A node is unknown, or is not submitted as rows (program, project).
        Gen3Error
            The file cannot be written.
        """
        from gen3nb.dictionary.workbook import write

        return write(self, path, [nodes] if isinstance(nodes, str) else nodes)

    def _repr_html_(self) -> str:
        from gen3nb.dictionary.display import dictionary_html

        return dictionary_html(self)
