"""(c) Read to a typed frame against the SDK's ``export_node``; (d) join against one nested query."""

from __future__ import annotations

import contextlib
import io
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from practice import cases, path_of, project, put, samples
from table import Row, faster, result, timed

import gen3nb

#: Rows a second, as recorded of the real services: a label export; a query with one nested link.
EXPORTED, NESTED = 20_000, 340


def read(commons: gen3nb.Commons, count: int) -> list[Row]:
    from gen3.submission import Gen3Submission

    where = project(commons)
    put(commons, where, "case", cases(count))
    target = commons.project_id(where)

    def drain() -> None:
        with commons.sheepdog.export(target, "case", format="json") as answer:
            for _ in answer.iter_content(1 << 16):
                pass

    def sdk() -> pd.DataFrame:
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
            path = Path(folder) / "case.tsv"
            Gen3Submission(commons.auth).export_node(target.program, target.code, "case", "tsv", str(path))
            return pd.read_csv(path, sep="\t")

    served = timed(drain)
    frame, ours = result(lambda: commons.read("case", project=where, progress=False))
    table, theirs = result(sdk)
    assert len(frame) == len(table) == count
    what = f"(c) read {count:,} cases to a typed frame, counted"
    return [
        faster(f"{what}; SDK `export_node` (TSV) + `pandas.read_csv`", count, ours, theirs, "server-bound"),
        faster("the same; the bare JSON export, thrown away as it comes", count, ours, served),
    ]


def join(commons: gen3nb.Commons, count: int) -> list[Row]:
    each = 4
    where = project(commons)
    put(commons, where, "case", cases(count // each))
    put(commons, where, "sample", samples(count // each, each))
    text = (
        "query ($p: [String]) { case(first: 0, project_id: $p) { submitter_id primary_site disease_type "
        "samples(first: 0) { submitter_id sample_type days_to_collection } } }"
    )

    columns = ["submitter_id", "primary_site", "disease_type", "submitter_id_sample", "sample_type"]

    def joined(**options: Any) -> pd.DataFrame:
        return commons.join("case", "sample", project=where, progress=False, **options)

    def nested() -> pd.DataFrame:
        held = commons.peregrine.query(text, {"p": where}, timeout=1200)["case"]
        return pd.json_normalize(held, "samples", ["submitter_id", "primary_site"], record_prefix="sample.")

    what = f"(d) join {count:,} samples to their cases; one nested GraphQL query + `json_normalize`"
    same = partial(joined, columns=[*columns, "days_to_collection"])
    same()  # a session's first join sees how quick the commons is at each way
    (frame, quick), (table, plain) = result(same), result(nested)
    assert len(frame) == len(table) == count
    whole = timed(joined)
    assert commons.sandbox is not None
    with commons.sandbox.faults as faults:
        # as slow as the real services were, for the rows that the answers hold
        exported = (count + count // each) / EXPORTED
        faults.add("latency", path=f"{path_of(where)}/export", times=1, seconds=exported)
        ours = timed(partial(joined, way="export"))
        faults.add("latency", path="*/graphql*", times=1, seconds=count / NESTED)
        theirs = timed(nested)
    words = (
        f"by export, at the real services' rates (export {EXPORTED:,} rows/s, nested query {NESTED} rows/s)"
    )
    return [
        faster(what, count, quick, plain),
        faster("the same; all columns of both nodes", count, whole, plain),
        faster(words, count, ours, theirs, "20 ×"),
    ]
