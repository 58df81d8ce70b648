"""What the practice commons itself gives and takes over plain HTTP, one request at a time: the ceiling."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from practice import cases, project, samples
from table import Row, timed

import gen3nb
from gen3nb.frames.codec import to_records

CHUNK = 100


def run(commons: gen3nb.Commons, count: int) -> list[Row]:
    where = commons.project_id(project(commons))
    new_cases = to_records(cases(count), commons.dictionary["case"])
    new_samples = to_records(samples(count, 1), commons.dictionary["sample"])
    quarter = new_samples[: count // 4]
    changed = [{**one, "days_to_collection": 7} for one in quarter]

    def put(records: list[dict[str, Any]]) -> None:
        for start in range(0, len(records), CHUNK):
            assert commons.sheepdog.submit(where, records[start : start + CHUNK]).ok

    def export(node: str, form: Any) -> None:
        with commons.sheepdog.export(where, node, format=form) as answer:
            for _ in answer.iter_content(1 << 16):
                pass

    def query() -> None:
        text = "query ($p: [String]) { case(first: 0, project_id: $p) { id submitter_id primary_site } }"
        assert len(commons.peregrine.query(text, {"p": str(where)})["case"]) == count

    rows = []
    for words, records in (
        ("new cases", new_cases),
        ("new samples", new_samples),
        ("samples unchanged", quarter),
        ("samples changed", changed),
    ):
        seconds = timed(lambda records=records: put(records))
        rows.append((f"PUT of JSON, {CHUNK} at a time: {words}", len(records) / seconds))
    for node in ("case", "sample"):
        for form in ("tsv", "json"):
            seconds = timed(lambda node=node, form=form: export(node, form))
            rows.append((f"export of {node} as {form.upper()}", count / seconds))
    rows.append(("GraphQL, flat, all cases in one answer", count / timed(query)))
    table = [Row(f"the practice commons: {words}", f"{rate:,.0f} rows/s") for words, rate in rows]
    return [*table, *_memory(commons)]


def _memory(commons: gen3nb.Commons) -> list[Row]:
    assert commons.sandbox is not None
    status = Path(f"/proc/{commons.sandbox.pid}/status")
    if not status.exists():
        return []
    peak = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    mebibytes = int(peak.split()[1]) / 1024
    return [Row("memory of the practice commons at most, all of the above included", f"{mebibytes:,.0f} MiB")]
