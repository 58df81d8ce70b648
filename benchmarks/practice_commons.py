"""Rows a second of the practice commons: what goes in and what comes out, over HTTP, one request at a time.

python benchmarks/practice_commons.py [ROWS]
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import requests

from gen3nb.launch import start_server

CHUNK = 100


def chunks(rows: list[Any]) -> Iterator[list[Any]]:
    for start in range(0, len(rows), CHUNK):
        yield rows[start : start + CHUNK]


def timed(name: str, rows: int, work: Callable[[], object]) -> None:
    start = time.perf_counter()
    work()
    print(f"{name:38} {rows:8} rows {rows / (time.perf_counter() - start):9.0f} rows/s", flush=True)


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with start_server() as server, requests.Session() as session:
        session.trust_env = False
        session.headers["Authorization"] = f"bearer {server.token('admin', expires_in=86400)}"
        base = f"{server.endpoint}/api/v0/submission"

        def put(path: str, content: Any, kind: str = "application/json") -> None:
            data = content if isinstance(content, str) else json.dumps(content)
            answer = session.put(base + path, data=data.encode(), headers={"Content-Type": kind}, timeout=600)
            answer.raise_for_status()

        def put_all(records: list[dict[str, Any]]) -> None:
            for some in chunks(records):
                put("/P/q", some)

        def export(node: str, kind: str) -> None:
            options = {"node_label": node, "format": kind}
            with session.get(f"{base}/P/q/export", params=options, stream=True, timeout=600) as answer:
                for _ in answer.iter_content(1 << 16):
                    pass

        put("/", {"type": "program", "name": "P", "dbgap_accession_number": "P"})
        put("/P", {"type": "project", "code": "q", "name": "q", "dbgap_accession_number": "q"})
        put("/P/q", {"type": "experiment", "submitter_id": "e", "projects": {"code": "q"}})
        cases = [
            {
                "type": "case",
                "submitter_id": f"c{n}",
                "experiments": {"submitter_id": "e"},
                "primary_site": "Lung",
            }
            for n in range(rows)
        ]
        timed("PUT JSON, new cases", rows, lambda: put_all(cases))
        samples = [
            {
                "type": "sample",
                "submitter_id": f"s{n}",
                "cases": {"submitter_id": f"c{n}"},
                "sample_type": "Primary Tumor",
                "initial_weight": 1.5,
                "days_to_collection": n % 30,
                "is_ffpe": True,
                "composition": "Solid Tissue",
            }
            for n in range(rows)
        ]
        timed("PUT JSON, new samples", rows, lambda: put_all(samples))
        timed("PUT JSON, samples unchanged", rows // 4, lambda: put_all(samples[: rows // 4]))
        changed = [{**one, "initial_weight": 2.5} for one in samples[: rows // 4]]
        timed("PUT JSON, samples changed", rows // 4, lambda: put_all(changed))
        header = "type\tsubmitter_id\tcases.submitter_id\tgender\tyear_of_birth\n"
        lines = [f"demographic\td{n}\tc{n}\tfemale\t1980\n" for n in range(rows // 4)]
        timed(
            "PUT TSV, new demographics",
            rows // 4,
            lambda: [
                put("/P/q", header + "".join(some), "text/tab-separated-values") for some in chunks(lines)
            ],
        )
        for node in ("case", "sample"):
            for kind in ("tsv", "json"):
                timed(f"export {node} as {kind}", rows, lambda node=node, kind=kind: export(node, kind))
        status = Path(f"/proc/{server.pid}/status")
        if status.exists():
            peak = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
            print("memory of the server at most:", peak.split(":")[1].strip())


if __name__ == "__main__":
    main()
