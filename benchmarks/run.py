"""How fast is the practice commons, and gen3nb on it? Measured side by side in one run, with ratios.

    python benchmarks/run.py [--records 100000]

Every line is one job on one practice commons (loopback, default dictionary). Where the `gen3` SDK does the
same, it does so in the same run, and the ratio says how many times as fast gen3nb is. This prints, no more.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.table import Table

import gen3nb

PROGRAM = "BENCH"


def timed(job: Callable[[], object]) -> float:
    start = time.perf_counter()
    job()
    return time.perf_counter() - start


def chunks(rows: list[dict[str, object]], size: int) -> Iterator[list[dict[str, object]]]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def cases(count: int) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "submitter_id": [f"case-{number:07d}" for number in range(count)],
            "experiments.submitter_id": "exp",
            "primary_site": ["Breast", "Lung", "Skin", "Colon"] * (count // 4) + ["Breast"] * (count % 4),
            "disease_type": "Adenomas and Adenocarcinomas",
        }
    )


def project(commons: gen3nb.Commons, code: str) -> str:
    commons.create_project((PROGRAM, code))
    experiment = pd.DataFrame({"submitter_id": ["exp"], "projects.code": [code]})
    assert commons.submit({"experiment": experiment}, project=(PROGRAM, code), progress=False).ok
    return f"{PROGRAM}-{code}"


def start_up(rows: list[tuple[str, str, str, str]]) -> None:
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        commons = gen3nb.sandbox()
        seconds.append(time.perf_counter() - start)
        commons.close()
    rows.append(("start a practice commons (best of 3)", f"{min(seconds):.2f} s", "", ""))
    code = "import time; s = time.perf_counter(); import {0}; print(time.perf_counter() - s)"
    measured = {}
    for module in ("gen3nb", "pandas"):
        runs = [
            float(
                subprocess.run(
                    [sys.executable, "-c", code.format(module)], capture_output=True, text=True
                ).stdout
            )
            for _ in range(5)
        ]
        measured[module] = min(runs)
    rows.append(
        (
            "import gen3nb, beside import pandas (best of 5)",
            f"{measured['gen3nb']:.2f} s",
            f"{measured['pandas']:.2f} s",
            f"{measured['gen3nb'] / measured['pandas']:.2f} × the time",
        )
    )


def into(commons: gen3nb.Commons, count: int, rows: list[tuple[str, str, str, str]]) -> str:
    """Put `count` cases in by gen3nb, by the raw API, and (a tenth of them) by the SDK."""
    where = project(commons, "plain")
    frame = cases(count)
    records = [
        {"type": "case", "submitter_id": name, "experiments": {"submitter_id": "exp"}, "primary_site": site}
        for name, site in zip(frame["submitter_id"], frame["primary_site"], strict=True)
    ]
    target = commons.project_id(where)

    def raw() -> None:
        for chunk in chunks(records, 100):
            assert commons.sheepdog.submit(target, chunk, method="POST").ok

    seconds = timed(raw)
    rows.append(("POST of JSON, 100 at a time, one after another", f"{count / seconds:,.0f} rows/s", "", ""))

    few = frame.head(max(count // 10, 1000))
    ours = project(commons, "ours")
    theirs = project(commons, "theirs")
    report = []
    seconds_ours = timed(lambda: report.append(commons.submit({"case": few}, project=ours, progress=False)))
    assert report[0].counts["created"] == len(few)
    seconds_theirs = timed(lambda: by_sdk(commons, theirs, few))
    rows.append(
        (
            f"submit {len(few):,} cases: validate, send, look up afterwards; SDK: submit_file, no look",
            f"{len(few) / seconds_ours:,.0f} rows/s",
            f"{len(few) / seconds_theirs:,.0f} rows/s",
            f"{seconds_theirs / seconds_ours:.1f} ×",
        )
    )
    return where


def by_sdk(commons: gen3nb.Commons, where: str, frame: pd.DataFrame) -> None:
    from gen3.submission import Gen3Submission

    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        path = Path(folder) / "case.tsv"
        frame.assign(type="case").to_csv(path, sep="\t", index=False)
        Gen3Submission(commons.auth).submit_file(where, str(path), chunk_size=100)


def out_of(commons: gen3nb.Commons, where: str, count: int, rows: list[tuple[str, str, str, str]]) -> None:
    """Take all the cases out again, by each door."""
    from gen3.submission import Gen3Submission

    program, code = where.split("-", 1)
    target = commons.project_id(where)
    for form in ("tsv", "json"):

        def drain(form: str = form) -> None:
            with commons.sheepdog.export(target, "case", format=form) as answer:
                for _ in answer.iter_content(1 << 16):
                    pass

        rows.append(
            (f"export of {count:,} cases as {form.upper()}", f"{count / timed(drain):,.0f} rows/s", "", "")
        )
    query = "query ($p: [String]) { case(first: 0, project_id: $p) { id submitter_id primary_site } }"
    got: list[dict[str, object]] = []
    seconds = timed(lambda: got.append(commons.peregrine.query(query, {"p": where})))
    assert len(got[0]["case"]) == count  # type: ignore[arg-type]
    rows.append(
        (f"GraphQL, flat, all {count:,} cases in one answer", f"{count / seconds:,.0f} rows/s", "", "")
    )

    frames: list[pd.DataFrame] = []
    seconds_ours = timed(lambda: frames.append(commons.read("case", project=where, progress=False)))
    assert len(frames[0]) == count

    def sdk() -> None:
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
            path = Path(folder) / "case.tsv"
            Gen3Submission(commons.auth).export_node(program, code, "case", "tsv", str(path))
            pd.read_csv(path, sep="\t")

    seconds_theirs = timed(sdk)
    rows.append(
        (
            f"read {count:,} cases into a typed frame; SDK: export_node + pandas.read_csv",
            f"{count / seconds_ours:,.0f} rows/s",
            f"{count / seconds_theirs:,.0f} rows/s",
            f"{seconds_theirs / seconds_ours:.1f} ×",
        )
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--records", type=int, default=100_000)
    count = parser.parse_args().records
    rows: list[tuple[str, str, str, str]] = []
    start_up(rows)
    with gen3nb.sandbox() as commons:
        commons.create_program(PROGRAM)
        where = into(commons, count, rows)
        out_of(commons, where, count, rows)
    table = Table(
        "job", "gen3nb", "instead", "ratio", title=f"{platform.machine()}, Python {platform.python_version()}"
    )
    for row in rows:
        table.add_row(*row)
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
