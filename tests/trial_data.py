"""Real patients of a published trial in a project of the practice commons, for the tests of the panels."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from gen3nb import demo
from gen3nb.frames.codec import to_records

if TYPE_CHECKING:
    from typing import Any

    import pandas as pd

    from gen3nb import Commons
    from gen3nb.dictionary import Node

PATIENTS = 60


def frames() -> dict[str, pd.DataFrame]:
    """Give the trial's frames, of its first patients."""
    return {node: frame.head(PATIENTS) for node, frame in demo.records().items()}


def load(commons: Commons, *, without: str = "") -> str:
    """Put them, but for one node, into a project of their own; give its id."""
    code = f"trial{uuid.uuid4().hex[:6]}"
    commons.create_project(("TEST", code))
    project = commons.project_id(("TEST", code))
    held = frames()
    for node in commons.dictionary.order:
        if node not in held or node == without:
            continue
        records = to_records(held[node], commons.dictionary[node])
        for record in records:
            record.update(_spelt_right(record, commons.dictionary[node]))
            for name in commons.dictionary[node].required:
                if name in commons.dictionary[node].properties:
                    record.setdefault(name, None)
            record["type"] = node
            if node == "experiment":
                record["projects"] = {"code": code}
        answer = commons.sheepdog.submit(project, records)
        assert answer.ok, (node, answer.problems()[:3])
    return str(project)


def _spelt_right(record: dict[str, Any], node: Node) -> dict[str, Any]:
    """Give the values that the vocabulary spells in another case, as it spells them."""
    spelt = {}
    for name, value in record.items():
        prop = node.properties.get(name)
        if prop is not None and prop.enum and value not in prop.enum:
            spelt[name] = next(item for item in prop.enum if str(item).lower() == str(value).lower())
    return spelt
