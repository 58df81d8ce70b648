"""(e) Import against pandas alone; and how long a practice commons takes to start."""

from __future__ import annotations

import subprocess
import sys

from table import Row, timed

import gen3nb

CODE = "import time; s = time.perf_counter(); import {0}; print(time.perf_counter() - s)"


def run(times: int = 7) -> list[Row]:
    least = {
        module: min(
            float(subprocess.check_output([sys.executable, "-c", CODE.format(module)])) for _ in range(times)
        )
        for module in ("pandas", "gen3nb")
    }
    start = min(timed(lambda: gen3nb.sandbox().close()) for _ in range(3))
    return [
        Row(
            f"(e) `import gen3nb`; `import pandas` (best of {times})",
            f"{least['gen3nb']:.2f} s",
            f"{least['pandas']:.2f} s",
            f"{least['gen3nb'] / least['pandas']:.2f} × the time",
            "under 1.3",
        ),
        Row("start a practice commons (best of 3)", f"{start:.2f} s"),
    ]
