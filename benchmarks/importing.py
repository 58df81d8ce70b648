"""(e) Import against pandas alone; and how long a practice commons takes to start."""

from __future__ import annotations

import subprocess
import sys

from table import Row, timed

import gen3nb

CODE = "import time; s = time.perf_counter(); import {0}; print(time.perf_counter() - s)"


def run(times: int = 7) -> list[Row]:
    least = {
        modules: min(
            float(subprocess.check_output([sys.executable, "-c", CODE.format(modules)])) for _ in range(times)
        )
        for modules in ("pandas", "gen3nb", "gen3nb, pandas")
    }
    start = min(timed(lambda: gen3nb.sandbox().close()) for _ in range(3))
    rows = [
        Row(
            f"(e) `import {modules}`; `import pandas` (best of {times})",
            f"{least[modules]:.2f} s",
            f"{least['pandas']:.2f} s",
            f"{least[modules] / least['pandas']:.2f} × the time",
            "under 1.3",
        )
        for modules in ("gen3nb", "gen3nb, pandas")
    ]
    return [*rows, Row("start a practice commons (best of 3)", f"{start:.2f} s")]
