"""How long commands take, beside bare Python, ``import requests``, and curl with the same two requests.

Prints a table in Markdown; everything talks to one practice commons. Processor time, since other work on the
machine disturbs it less; bytecode is written before anything is measured, as an installation does.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from distant import distant

import gen3nb

TIMES = 15
LATENCIES = (0, 0.1, 0.25, 0.5)
ROUND_TRIPS = (0, 0.02, 0.05, 0.1, 0.2)


def spent(words: list[str], environment: dict[str, str]) -> float:
    """Give the seconds of processor time that a command takes."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(words, env=environment, stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)


def elapsed(words: list[str], environment: dict[str, str]) -> float:
    """Give the seconds on the clock that a command takes."""
    started = time.perf_counter()
    subprocess.run(words, env=environment, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - started


def curl(endpoint: str, key: Path, folder: Path) -> list[str]:
    """Write a script that trades the key for a token and asks who that is, by curl alone."""
    body = folder / "key.json"
    body.write_text(json.dumps({"api_key": json.loads(key.read_text("utf-8"))["api_key"]}), "utf-8")
    script = folder / "auth.sh"
    script.write_text(
        f"answer=$(curl -sSf -H 'Content-Type: application/json' -d @{body} "
        f"{endpoint}/user/credentials/api/access_token)\n"
        'token=${answer#*access_token\\":}; token=${token#*\\"}; token=${token%%\\"*}\n'
        f'curl -sSf -H "Authorization: bearer $token" {endpoint}/user/user\n',
        "utf-8",
    )
    return ["sh", str(script)]


def main() -> None:
    """Measure, and print the table."""
    if shutil.which("curl") is None:
        sys.exit("curl is not installed")
    ours = [sys.executable, "-m", "gen3nb.cli"]
    with gen3nb.sandbox() as commons, tempfile.TemporaryDirectory() as home:
        key = Path(commons.sandbox.credentials("submitter"))
        kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        environment = {**kept, "HOME": home}
        made = ["configure", "--profile=p", f"--cred={key}", f"--apiendpoint={commons.endpoint}"]
        subprocess.run([*ours, *made], env=environment, stdout=subprocess.DEVNULL, check=True)
        rows = {
            "two requests by `curl`": curl(commons.endpoint, key, Path(home)),
            "`python -c pass`": [sys.executable, "-c", "pass"],
            '`python -c "import http.client, json, ssl"`': [
                sys.executable,
                "-c",
                "import http.client, json, ssl",
            ],
            '`python -c "import requests"`': [sys.executable, "-c", "import requests"],
            "`gen3nb --help`": [*ours, "--help"],
            "`gen3nb auth`": [*ours, "auth"],
            "`gen3nb profiles list`": [*ours, "profiles", "list"],
            "`gen3nb programs`": [*ours, "programs"],
            "`gen3nb projects`": [*ours, "projects"],
            "`gen3nb counts`": [*ours, "counts"],
        }
        print("| | least | median |\n| --- | --- | --- |")
        for name, words in rows.items():
            spent(words, environment)
            taken = [spent(words, environment) for _ in range(TIMES)]
            print(f"| {name} | {min(taken):.2f} s | {statistics.median(taken):.2f} s |", flush=True)
        compared = ("two requests by `curl`", "`gen3nb auth`")
        print(
            "\n| seconds that a request takes | `curl`, both | `gen3nb auth` | times |\n" + "| --- " * 4 + "|"
        )
        for latency in LATENCIES:
            with commons.sandbox.faults as faults:
                if latency:
                    faults.add("latency", path="*", seconds=latency)
                curls, ours_ = (
                    min(elapsed(rows[name], environment) for _ in range(TIMES // 3)) for name in compared
                )
            print(f"| {latency} | {curls:.2f} s | {ours_:.2f} s | {ours_ / curls:.2f} |", flush=True)
        from_afar(Path(home), environment)


def from_afar(home: Path, environment: dict[str, str]) -> None:
    """Print the same two requests over HTTPS and a distance, where each connection has its handshakes."""
    with distant(home) as far:
        trusting = {
            **environment,
            "REQUESTS_CA_BUNDLE": str(far.authority),
            "CURL_CA_BUNDLE": str(far.authority),
        }
        made = ["configure", "--profile=p", f"--cred={far.key}", f"--apiendpoint={far.endpoint}"]
        ours = [sys.executable, "-m", "gen3nb.cli"]
        subprocess.run([*ours, *made], env=trusting, stdout=subprocess.DEVNULL, check=True)
        both = (curl(far.endpoint, far.key, home), [*ours, "auth"])
        print("\n| round trip to the commons | `curl`, both | `gen3nb auth` | times |\n" + "| --- " * 4 + "|")
        for seconds in ROUND_TRIPS:
            far.seconds = seconds
            curls, own = (min(elapsed(words, trusting) for _ in range(TIMES // 3)) for words in both)
            print(
                f"| {seconds * 1000:.0f} ms | {curls:.2f} s | {own:.2f} s | {own / curls:.2f} |", flush=True
            )


if __name__ == "__main__":
    main()
