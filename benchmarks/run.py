"""Measure gen3nb side by side with what one would use instead, in one run.

    python benchmarks/run.py [--only NAME …] [--records 100000] [--many 1000000] [--write FILE]

Every row is one job on one practice commons (loopback, default dictionary). Where another tool does the same,
it does so in the same run, and the ratio says how many times as fast gen3nb is.
"""

from __future__ import annotations

import argparse
import datetime
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import importing
import memory
import practice_commons
import reading
import submitting
import validating
from practice import PROGRAM
from table import Row, machine, markdown

import gen3nb

NAMES = ("validate", "submit", "read", "join", "import", "memory", "submit-memory", "server")


def jobs(options: argparse.Namespace, commons: gen3nb.Commons) -> dict[str, Callable[[], list[Row]]]:
    records, tenth = options.records, max(1_000, options.records // 10)
    return {
        "validate": lambda: validating.all_ways(records),
        "submit": lambda: submitting.all_ways(commons, tenth),
        "read": lambda: reading.read(commons, records),
        "join": lambda: reading.join(commons, tenth),
        "import": importing.run,
        "memory": lambda: memory.run(options.many),
        "submit-memory": lambda: memory.submit(records),
        "server": lambda: practice_commons.run(commons, tenth),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=NAMES, default=NAMES)
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--many", type=int, default=1_000_000, help="records for the memory's sake")
    parser.add_argument("--write", type=Path, help="a file for the table")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    where = f"{datetime.date.today().isoformat()}: {machine()}."
    rows: list[Row] = []
    with gen3nb.sandbox() as commons:
        commons.create_program(PROGRAM)
        for name, job in jobs(options, commons).items():
            if name not in options.only:
                continue
            print(f"{name} …", file=sys.stderr, flush=True)
            rows += job()
            if options.write:
                options.write.write_text(f"{markdown(rows)}\n\n{where}\n", encoding="utf-8")
    print(f"{markdown(rows)}\n\n{where}")


if __name__ == "__main__":
    main()
