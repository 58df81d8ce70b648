"""One way to move files, in a process of its own, so that its memory and processor time are its own.

    python benchmarks/moving.py WAY < facts.json

Facts: endpoint, key (path), guids, urls, folder, paths, threads. Prints as JSON the seconds and the processor
time that the files took, start and sign-in left out, and the peak of memory.
"""

from __future__ import annotations

import hashlib
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

Facts = dict[str, Any]


def ours_down(facts: Facts) -> Callable[[], None]:
    import gen3nb
    from gen3nb.transfer import download  # noqa: F401 - its import is not what is measured

    commons = gen3nb.connect(facts["endpoint"], credentials=facts["key"])
    commons.files.download([], facts["folder"], progress=False)

    def go() -> None:
        report = commons.files.download(facts["guids"], facts["folder"], progress=False)
        assert report.ok, report
        assert {one.hash for one in report} <= {"sha256", "md5"}

    return go


def sdk_down(facts: Facts) -> Callable[[], None]:
    from gen3.auth import Gen3Auth
    from gen3.file import Gen3File

    files = Gen3File(Gen3Auth(facts["endpoint"], refresh_file=facts["key"]))

    def go() -> None:
        for guid in facts["guids"]:
            assert files.download_single(guid, facts["folder"])

    return go


def go_down(facts: Facts) -> Callable[[], None]:
    """As the Go clients: a presigned URL a file, no hash, so many at a time."""
    import requests
    from gen3.auth import Gen3Auth

    auth = Gen3Auth(facts["endpoint"], refresh_file=facts["key"])
    token = {"Authorization": f"bearer {auth.get_access_token()}"}
    session = requests.Session()
    adapter = requests.adapters.HTTPAdapter(pool_maxsize=64)
    session.mount("http://", adapter)

    def one(guid: str) -> None:
        url = session.get(f"{facts['endpoint']}/user/data/download/{guid}", headers=token).json()["url"]
        with (
            session.get(url, stream=True) as answer,
            open(f"{facts['folder']}/{hash(guid)}", "wb") as file,
        ):
            for block in answer.iter_content(1 << 20):
                file.write(block)

    def go() -> None:
        with ThreadPoolExecutor(facts["threads"]) as pool:
            list(pool.map(one, facts["guids"]))

    return go


def curl_down(facts: Facts) -> Callable[[], None]:
    lines = [f'url = "{url}"\noutput = "{facts["folder"]}/{at}"\n' for at, url in enumerate(facts["urls"])]
    return _given("\n".join(lines), ["curl", "-sS", "-f", "--parallel", "--parallel-max", "32", "-K", "{}"])


def aria2c_down(facts: Facts) -> Callable[[], None]:
    lines = [f"{url}\n  dir={facts['folder']}\n  out={at}\n" for at, url in enumerate(facts["urls"])]
    command = [str(Path(sys.executable).parent / "aria2c"), "-q", "-j", "32", "-x", "16", "-i", "{}"]
    return _given("".join(lines), [*command, "--auto-file-renaming=false", "--file-allocation=none"])


def _given(text: str, command: list[str]) -> Callable[[], None]:
    file = tempfile.NamedTemporaryFile("w", delete=False)  # noqa: SIM115 - read by another program
    file.write(text)
    file.close()
    words = [word.replace("{}", file.name) for word in command]
    return lambda: subprocess.run(words, check=True) and None


def ours_up(facts: Facts) -> Callable[[], None]:
    import gen3nb
    from gen3nb.transfer import upload  # noqa: F401

    commons = gen3nb.connect(facts["endpoint"], credentials=facts["key"])

    def go() -> None:
        report = commons.files.upload(facts["paths"], authz=[facts["authz"]], progress=False)
        assert report.ok, report

    return go


def sdk_up(facts: Facts) -> Callable[[], None]:
    """The SDK gives the URL, its user sends the file; nothing is hashed."""
    import requests
    from gen3.auth import Gen3Auth
    from gen3.file import Gen3File

    files = Gen3File(Gen3Auth(facts["endpoint"], refresh_file=facts["key"]))

    def go() -> None:
        for path in facts["paths"]:
            made = files.upload_file(Path(path).name, authz=[facts["authz"]])
            with open(path, "rb") as file:
                requests.put(made["url"], data=file).raise_for_status()

    return go


def go_up(facts: Facts) -> Callable[[], None]:
    """As the Go clients: a record and a PUT a file, no hash, so many at a time."""
    import requests
    from gen3.auth import Gen3Auth

    auth = Gen3Auth(facts["endpoint"], refresh_file=facts["key"])
    token = {"Authorization": f"bearer {auth.get_access_token()}"}
    session = requests.Session()
    session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=64))

    def one(path: str) -> None:
        body = {"file_name": Path(path).name, "authz": [facts["authz"]]}
        made = session.post(f"{facts['endpoint']}/user/data/upload", json=body, headers=token).json()
        with open(path, "rb") as file:
            session.put(made["url"], data=file).raise_for_status()

    def go() -> None:
        with ThreadPoolExecutor(facts["threads"]) as pool:
            list(pool.map(one, facts["paths"]))

    return go


def md5_of_curl(facts: Facts) -> Callable[[], None]:
    """What curl leaves to its user: the files are hashed afterwards."""
    fetch = curl_down(facts)

    def go() -> None:
        fetch()
        for at in range(len(facts["urls"])):
            with open(f"{facts['folder']}/{at}", "rb") as file:
                hashlib.file_digest(file, "sha256")

    return go


WAYS = {
    "ours-down": ours_down,
    "sdk-down": sdk_down,
    "go-down": go_down,
    "curl-down": curl_down,
    "curl-hash-down": md5_of_curl,
    "aria2c-down": aria2c_down,
    "ours-up": ours_up,
    "sdk-up": sdk_up,
    "go-up": go_up,
}


def main() -> None:
    facts = json.load(sys.stdin)
    go = WAYS[sys.argv[1]](facts)
    started, before = time.perf_counter(), _processor_time()
    go()
    seconds, processor = time.perf_counter() - started, _processor_time() - before
    print(json.dumps({"seconds": seconds, "cpu": processor, "memory": _peak()}))


def _processor_time() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _peak() -> int:
    """Give the most memory that the program that moved the files had, in bytes."""
    if sys.argv[1].startswith(("curl", "aria2c")):
        return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss << 10
    with open("/proc/self/status", encoding="utf-8") as text:  # since it began to run, unlike ru_maxrss
        return next(int(line.split()[1]) << 10 for line in text if line.startswith("VmHWM"))


if __name__ == "__main__":
    main()
