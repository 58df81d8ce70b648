"""Export: records as TSV, CSV or JSON, by type or by id; entities and manifests.

The export of a type joins a type with all its links and merges neighbouring rows of one record, as the
service does, with what follows from that for types that have links of two kinds.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from itertools import groupby, product
from typing import Any

import yaml

from .graph import Graph, chunked, marks
from .schemas import Schemas
from .sheepdog_documents import DELIMITERS, LINK_DELIMITERS, InternalError, UserError
from .sheepdog_records import SELECT, Record, loaded
from .sheepdog_templates import columns, pretty

PAGE = 500

#: Link → what is shown of each of its targets.
Links = dict[str, list[dict[str, Any]]]


PARENTS = (
    "SELECT e.src_id, e.name, n.id, n.submitter_id, n.props, n.type FROM edge e"
    " JOIN node n ON n.id = e.dst_id AND n.type = e.dst_type "
)
CHILDREN = "SELECT DISTINCT src_id FROM edge "
NOTHING: list[Any] = [None]


class Cut(Exception):
    """Here the service's stream breaks off."""


class PageError(Exception):
    """Here the service answers an HTML page, status 500."""


def titles(schemas: Schemas, node: str, *, exclude_id: bool) -> tuple[list[str], list[str]]:
    """Return the columns of an export: those of properties, and those of links."""
    names = [name.lstrip("*") for name in columns(schemas, node, exclude_id=exclude_id)]
    return [n for n in names if "." not in n and n != "urls"], [n for n in names if "." in n]


class LabelExport:
    """The export of all records of a type in a project, as a stream."""

    def __init__(
        self, graph: Graph, schemas: Schemas, node: str, project_id: str, kind: str, *, without_id: bool
    ) -> None:
        self.graph = graph
        self.schemas = schemas
        self.node = node
        self.project_id = project_id
        self.kind = kind
        self.plain, self.linked = titles(schemas, node, exclude_id=without_id)
        self.properties = [name for name in self.plain if name not in ("type", "id")]
        places = {link.name: place for place, link in enumerate(schemas.links_of(node))}
        self.shown = [
            (places[name], name, [title.split(".", 1)[1] for title in titles_of])
            for name, titles_of in groupby(self.linked, lambda title: title.split(".", 1)[0])
        ]
        targets = [link.target for link in schemas.links_of(node)]
        self.joinable = node not in targets and len(set(targets)) == len(targets)

    def chunks(self) -> Iterator[str]:
        """Yield the text in pieces.

        Raises
        ------
        Cut
            Where the service's stream breaks off: a format that it cannot write, or a join that it cannot
            make.
        """
        yield '{ "data": [' if self.kind == "json" else "\t".join(self.plain + self.linked) + "\n"
        if not self.joinable:
            raise Cut
        first = True
        for rows in self._pages():
            if self.kind not in DELIMITERS and self.kind != "json":
                raise Cut
            pieces = []
            for record, links in rows:
                if self.kind == "json":
                    pieces.append(("" if first else ",") + self._as_json(record, links))
                else:
                    pieces.append(self._as_line(record, links))
                first = False
            yield "".join(pieces)
        if self.kind == "json":
            yield "]}"

    # -- rows ----------------------------------------------------------------------------------------------

    def _pages(self) -> Iterator[list[tuple[Record, Links]]]:
        names = [link.name for link in self.schemas.links_of(self.node)]
        with self.graph.snapshot() as db:
            ids = self._ordered_ids(db, names[-1] if names else None)
            later: list[str] = []
            for some in chunked(ids, PAGE):
                records = self._records(db, some)
                rows = []
                for record, links in records:
                    combined = self._combined(links, names)
                    if len(names) > 1 and len(combined) > 1 and not links.get(names[-1]):
                        # without the last link, by which rows are ordered, those of one record do not come
                        # together
                        later.append(record.id)
                        combined = combined[:1]
                    rows.append((record, self._merged(combined)))
                yield rows
            for some in chunked(later, PAGE):
                rows = []
                for record, links in self._records(db, some):
                    rows.append((record, self._merged(self._combined(links, names)[1:])))
                yield rows

    def _ordered_ids(self, db: Any, last: str | None) -> list[str]:
        """Return the ids in the order of rows: by id where the last link is given, then as stored."""
        if last is None:
            rows = db.execute(
                "SELECT id FROM node WHERE type = ? AND project_id = ? ORDER BY seq",
                (self.node, self.project_id),
            )
            return [row[0] for row in rows]
        rows = db.execute(
            "SELECT n.id FROM node n WHERE n.type = ? AND n.project_id = ? ORDER BY CASE WHEN EXISTS"
            " (SELECT 1 FROM edge e WHERE e.src_id = n.id AND e.name = ? AND e.src_type = n.type)"
            " THEN n.id ELSE 'z' END, n.seq",
            (self.node, self.project_id, last),
        )
        return [row[0] for row in rows]

    def _records(self, db: Any, ids: list[str]) -> list[tuple[Record, Links]]:
        condition = f"WHERE type = ? AND id IN ({marks(ids)})"
        records = {row[1]: loaded(row) for row in db.execute(SELECT + condition, (self.node, *ids))}
        links = parents_of(db, ids, self.node)
        return [(records[id_], links.get(id_, {})) for id_ in ids if id_ in records]

    def _combined(self, links: Links, names: list[str]) -> list[tuple[Any, ...]]:
        """Return the rows of a join: every target of one link with every target of the others."""
        return list(product(*[links.get(name) or NOTHING for name in names]))

    def _merged(self, combined: list[tuple[Any, ...]]) -> Links:
        found: Links = {}
        for row in combined:
            for place, name, keys in self.shown:
                target = row[place]
                shown = _shown(target, keys) if target else {}
                if shown:
                    found.setdefault(name, []).append(shown)
        return found

    # -- writing -------------------------------------------------------------------------------------------

    def _as_json(self, record: Record, links: Links) -> str:
        props = record.props
        found = {name: props[name] for name in self.properties if props.get(name) is not None}
        found.update(links)
        if "id" in self.plain:
            found["id"] = record.id
        found["type"] = record.type
        return json.dumps(found)

    def _as_line(self, record: Record, links: Links) -> str:
        cells = [_cell(_value(record, name)) for name in self.plain]
        return (
            DELIMITERS[self.kind].join(cells + link_cells(links, self.linked, LINK_DELIMITERS[self.kind]))
            + "\n"
        )


def parents_of(db: Any, ids: list[str], node: str) -> dict[str, Links]:
    """Read what records of one type show of their parents, by id and link."""
    found: dict[str, Links] = {}
    for some in chunked(ids):
        condition = f"WHERE e.src_id IN ({marks(some)}) AND e.src_type = ? ORDER BY e.rowid"
        rows = db.execute(PARENTS + condition, (*some, node))
        for src, name, id_, submitter, props, kind in rows:
            about = json.loads(props) if kind in ("project", "program") else {}
            target = {**about, "id": id_, "submitter_id": submitter, "props": props}
            found.setdefault(src, {}).setdefault(name, []).append(target)
    return found


def _shown(target: dict[str, Any], keys: list[str]) -> dict[str, Any]:
    found = {}
    for key in keys:
        value = target["id"] if key == "id" else target.get(key)
        if value is None and key not in target:
            value = json.loads(target["props"]).get(key)
        if value is not None:
            found["node_id" if key == "id" else key] = value
    return found


def _value(record: Record, name: str) -> Any:
    if name == "type":
        return record.type
    return record.id if name == "id" else record.props.get(name)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return ",".join(str(item) for item in value)
    return str(value)


def link_cells(links: Links, linked: list[str], delimiter: str) -> list[str]:
    """Return the cells of link columns: the keys of all targets, joined."""
    cells = []
    for title in linked:
        name, key = title.split(".", 1)
        key = "node_id" if key == "id" else key
        values = [str(target.get(key, "")) for target in links.get(name, ())]
        cells.append(delimiter.join(value for value in values if value != ""))
    return cells


class IdExport:
    """The export of some records by id, which must be of one type."""

    def __init__(self, graph: Graph, schemas: Schemas, project_id: str, ids: Any, **options: Any) -> None:
        self.graph = graph
        self.schemas = schemas
        self.project_id = project_id
        self.kind = options.get("kind", "tsv")
        self.without_id = bool(options.get("without_id"))
        self.records = self._find(_parse_ids(ids))
        if options.get("with_children"):
            self._add_children(options.get("category"))
        self.links = links_of(graph, self.records)

    def _find(self, ids: list[str]) -> list[Record]:
        found = [
            record for record in by_ids(self.graph, ids) if record.props.get("project_id") == self.project_id
        ]
        if not found:
            raise UserError(f"Unable to find {', '.join(ids)}", 404)
        return found

    def _add_children(self, category: str | None) -> None:
        seen = {record.id for record in self.records}
        waiting = [record.id for record in self.records]
        while waiting:
            some = waiting[:PAGE]
            waiting = waiting[PAGE:]
            condition = f"WHERE dst_id IN ({marks(some)})"
            rows = self.graph.query(CHILDREN + condition, some)
            fresh = [row[0] for row in rows if row[0] not in seen]
            seen.update(fresh)
            waiting += fresh
            for record in by_ids(self.graph, fresh):
                if not category or self.schemas.nodes[record.type].get("category") == category:
                    self.records.append(record)

    @property
    def filename(self) -> str:
        """The name of the file; the service cannot name one of several types."""
        if len({record.type for record in self.records}) > 1:
            raise InternalError
        if self.kind not in DELIMITERS and self.kind != "json":
            raise UserError(f"Format {self.kind} not supported")
        return f"{self.records[0].type}.{self.kind}"

    def documents(self) -> list[dict[str, Any]]:
        """Return the records as JSON documents, absent values as null."""
        found = []
        for record in self.records:
            plain, linked = titles(self.schemas, record.type, exclude_id=self.without_id)
            document: dict[str, Any] = {"id": record.id}
            for name, titles_of in groupby(linked, lambda title: title.split(".", 1)[0]):
                keys = [title.split(".", 1)[1] for title in titles_of]
                shown = ["node_id" if key == "id" else key for key in keys]
                targets = self.links.get(record.id, {}).get(name, [])
                document[name] = [dict.fromkeys(shown) | _shown(target, keys) for target in targets]
            document.update({name: _value(record, name) for name in plain})
            found.append(document)
        return found

    def text(self) -> str:
        """Return the content of the file."""
        documents = self.documents()
        if self.kind == "json":
            return pretty(documents)
        plain, linked = titles(self.schemas, self.records[0].type, exclude_id=self.without_id)
        out = io.StringIO()
        writer = csv.writer(out, delimiter=DELIMITERS[self.kind])
        writer.writerow(plain + linked)
        for document in documents:
            # absent values and lists come out as Python writes them, whatever reads them back
            writer.writerow([str(document.get(name)) for name in plain] + link_cells(document, linked, ","))
        return out.getvalue()


def _parse_ids(ids: Any) -> list[str]:
    if not ids:
        raise UserError("Please provide valid ids")
    listed = ids.split(",") if isinstance(ids, str) else ids
    if not isinstance(listed, list):
        raise UserError(f"Invalid list of ids: {ids}")
    if not all(isinstance(one, str) for one in listed):
        raise UserError(f"Ids must be strings: {ids}")
    return listed


def by_ids(graph: Graph, ids: list[str]) -> list[Record]:
    """Find records of any project by id."""
    found: list[Record] = []
    for some in chunked(dict.fromkeys(ids)):
        rows = graph.query(SELECT + f"WHERE id IN ({marks(some)}) ORDER BY seq", some)
        found += [loaded(row) for row in rows]
    return found


def links_of(graph: Graph, records: list[Record]) -> dict[str, Links]:
    """Read what records of any types show of their parents, by id and link."""
    found: dict[str, Links] = {}
    for node in dict.fromkeys(record.type for record in records):
        found.update(parents_of(graph.connection(), [one.id for one in records if one.type == node], node))
    return found


def entities(graph: Graph, schemas: Schemas, ids: list[str]) -> list[dict[str, Any]]:
    """Describe records in full, as the entity route does; of whatever project they are.

    Raises
    ------
    UserError
        If an id is unknown.
    """
    found = by_ids(graph, ids)
    missing = set(ids) - {record.id for record in found}
    if missing:
        raise UserError(f"Not found: {', '.join(missing)}")
    answers = []
    links = links_of(graph, found)
    for record in found:
        props: dict[str, Any] = {name: record.props.get(name) for name in schemas.stored(record.type)}
        props.update(id=record.id, type=record.type)
        for name, targets in links.get(record.id, {}).items():
            props[name] = [{"id": one["id"], "submitter_id": one["submitter_id"]} for one in targets]
        project_id = record.props.get("project_id")
        program, _, project = project_id.partition("-") if project_id else (None, "", None)
        answers.append({"program": program, "project": project, "properties": dict(sorted(props.items()))})
    return answers


def manifest(graph: Graph, schemas: Schemas, project_id: str, ids: list[str]) -> str:
    """Return a manifest of files in YAML.

    Raises
    ------
    UserError
        If a record is not of a file.
    """
    export = IdExport(graph, schemas, project_id, ids)
    others = [
        f"{record.type} {record.id} is not a data file."
        for record in export.records
        if schemas.nodes[record.type].get("category") != "data_file"
    ]
    if others:
        raise UserError(". ".join(others))
    files = [{"local_file_path": one.get("file_name"), **one} for one in export.documents()]
    return yaml.safe_dump({"files": files}, default_flow_style=False)
