#!/usr/bin/env python3
"""Replay recorded exchanges of the real Gen3 services against a server, and say how far it answers alike.

    replay.py ENDPOINT --token admin=TOKEN --token submitter=TOKEN ... [--show N] [--only TOPIC] [FILE ...]

ENDPOINT is the commons' root, as a browser sees it. A recorded path is the service's own; PREFIX says where a
commons mounts that service. Topics are replayed in the order of their names and build on each other, so the
server must start empty: no program, no project, no record; the default Gen3 dictionary. Exchanges marked
"setup" are sent and not judged. Ids that servers make up (UUIDs, revisions, transaction numbers, times) are
matched one to one, all else as it stands. Users: admin may do all; submitter create, read, update, delete in
DEMO-alpha; reader read there; nobody nothing; expired is an admin's token that has run out.

exact: same status, content type and body.  near: same status and the same shape (keys and types), other words
or order. Exit code 0 only if all are exact or near. Needs `requests`.
"""

from __future__ import annotations

import argparse
import base64
import json
import re
import sys
from pathlib import Path

import requests

PREFIX = {
    "sheepdog": "/api",
    "peregrine": "/api",
    "indexd": "/index",
    "fence": "/user",
    "arborist": "/authz",
    "requestor": "/requestor",
    "mds": "/mds",
    "sower": "/job",
    "root": "",
}
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)?")
NUMBERED = {"transaction_id"}
REVISIONS = {"rev"}


class Ids:
    """Recorded id → the server's own, learnt from answers."""

    def __init__(self):
        self.known: dict[str, str] = {}

    def learn(self, recorded, actual):
        if isinstance(recorded, dict) and isinstance(actual, dict):
            for key in recorded.keys() & actual.keys():
                if key in REVISIONS and isinstance(recorded[key], str) and isinstance(actual[key], str):
                    self.known.setdefault(recorded[key], actual[key])
                else:
                    self.learn(recorded[key], actual[key])
        elif isinstance(recorded, list) and isinstance(actual, list):
            for left, right in zip(recorded, actual, strict=False):
                self.learn(left, right)
        elif isinstance(recorded, str) and isinstance(actual, str):
            left, right = UUID.findall(recorded), UUID.findall(actual)
            if len(left) == len(right):
                for old, new in zip(left, right, strict=False):
                    self.known.setdefault(old, new)

    def apply(self, value):
        if isinstance(value, dict):
            return {self.apply(k): self.apply(v) for k, v in value.items()}
        if isinstance(value, list):
            return [self.apply(v) for v in value]
        if isinstance(value, str):
            if value in self.known:
                return self.known[value]
            return UUID.sub(lambda m: self.known.get(m.group(), m.group()), value)
        return value


def neutral(value, key=""):
    """Take out of an answer what no two servers share."""
    if key in NUMBERED and isinstance(value, int):
        return "<n>"
    if isinstance(value, dict):
        return {k: neutral(v, k) for k, v in value.items()}
    if isinstance(value, list):
        return [neutral(v, key) for v in value]
    if isinstance(value, str):
        return TIME.sub("<time>", _unsigned(value) if "X-Amz-Signature=" in value else value)
    return value


def _unsigned(url):
    """Take out of a presigned URL what no two servers share: origin, key id, time and signature."""
    url = re.sub(r"^https?://[^/]+", "<origin>", url)
    return re.sub(r"(X-Amz-(?:Credential|Date|Signature)=)[^&]*", r"\1<signed>", url)


def shape(value):
    if isinstance(value, dict):
        return {k: shape(v) for k, v in sorted(value.items())}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return type(value).__name__


def unordered(value):
    if isinstance(value, dict):
        return {k: unordered(v) for k, v in value.items()}
    if isinstance(value, list):
        return sorted((unordered(v) for v in value), key=lambda v: json.dumps(v, sort_keys=True, default=str))
    return value


def send(endpoint, tokens, ids, request):
    headers = {}
    for name, text in (request.get("headers") or {}).items():
        for who, token in tokens.items():
            text = text.replace(f"<{who}>", token)
        if text.startswith("Basic <"):
            text = "Basic " + base64.b64encode(text[7:-1].encode()).decode()
        headers[name] = text
    keywords = {
        "params": ids.apply(request.get("query")),
        "headers": headers,
        "timeout": 60,
        "allow_redirects": False,
    }
    if "json" in request:
        keywords["json"] = ids.apply(request["json"])
    elif "body" in request:
        keywords["data"] = ids.apply(request["body"]).encode()
    elif "body_base64" in request:
        keywords["data"] = base64.b64decode(request["body_base64"])
    url = endpoint.rstrip("/") + PREFIX[request["service"]] + ids.apply(request["path"])
    return requests.request(request["method"], url, **keywords)


def judge(recorded, answer, ids):
    """Return (verdict, why)."""
    if answer.status_code != recorded["status"]:
        return "differs", f"status {answer.status_code}, recorded {recorded['status']}: {answer.text[:300]}"
    kind = (recorded.get("content_type") or "").split(";")[0].strip()
    actual_kind = answer.headers.get("Content-Type", "").split(";")[0].strip()
    why = (
        ""
        if kind == actual_kind or answer.status_code == 204
        else f"content type {actual_kind}, recorded {kind}; "
    )
    if "json" in recorded:
        try:
            actual = answer.json()
        except ValueError:
            return "differs", why + "not JSON: " + answer.text[:300]
        ids.learn(recorded["json"], actual)
        left, right = neutral(ids.apply(recorded["json"])), neutral(actual)
        if left == right:
            return ("exact", "") if not why else ("near", why)
        if unordered(left) == unordered(right):
            return "near", why + "order differs"
        if shape(left) == shape(right):
            return "near", why + "other words: " + first_difference(left, right)
        return "differs", why + first_difference(left, right)
    left, right = recorded.get("body_text", ""), answer.text
    if "truncated_from_chars" in recorded:
        right = right[: len(left)]
    if not left and not right:
        return ("exact", "") if not why else ("near", why)
    ids.learn(left, right)
    left, right = neutral(ids.apply(left)), neutral(right)
    if left == right:
        return ("exact", "") if not why else ("near", why)
    if sorted(left.splitlines()) == sorted(right.splitlines()):
        return "near", why + "order of lines differs"
    if left.splitlines()[:1] == right.splitlines()[:1] or "truncated_from_chars" in recorded:
        return "near", why + f"text differs: {right[:200]!r}, recorded {left[:200]!r}"
    return "differs", why + f"text: {right[:300]!r}, recorded {left[:300]!r}"


def first_difference(left, right, where="$"):
    if isinstance(left, dict) and isinstance(right, dict):
        if left.keys() != right.keys():
            return f"{where}: keys {sorted(right)}, recorded {sorted(left)}"[:400]
        for key in left:
            found = first_difference(left[key], right[key], f"{where}.{key}")
            if found:
                return found
        return ""
    if isinstance(left, list) and isinstance(right, list):
        if len(left) != len(right):
            return f"{where}: {len(right)} items, recorded {len(left)}"
        for place, (a, b) in enumerate(zip(left, right, strict=False)):
            found = first_difference(a, b, f"{where}[{place}]")
            if found:
                return found
        return ""
    return "" if left == right else f"{where}: {str(right)[:200]!r}, recorded {str(left)[:200]!r}"


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("endpoint")
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--token", action="append", default=[], metavar="USER=TOKEN")
    parser.add_argument("--prefix", action="append", default=[], metavar="SERVICE=PATH")
    parser.add_argument("--only", help="judge only topics whose name contains this (all are still sent)")
    parser.add_argument("--show", type=int, default=40, help="how many differences to print")
    options = parser.parse_intermixed_args()
    tokens = dict(pair.split("=", 1) for pair in options.token)
    PREFIX.update(dict(pair.split("=", 1) for pair in options.prefix))
    files = options.files or [
        p
        for p in sorted((Path(__file__).parent / "recordings").glob("[0-9]*.json"))
        if not p.name.startswith("09")
    ]
    ids, total, shown = Ids(), {"exact": 0, "near": 0, "differs": 0}, 0
    for path in sorted(files, key=lambda p: p.name):
        count = {"exact": 0, "near": 0, "differs": 0}
        for exchange in json.loads(path.read_text())["exchanges"]:
            try:
                answer = send(options.endpoint, tokens, ids, exchange["request"])
                verdict, why = judge(exchange["response"], answer, ids)
            except requests.RequestException as error:
                verdict, why = "differs", f"no answer: {error}"
            if exchange.get("setup") or (options.only and options.only not in path.name):
                continue
            count[verdict] += 1
            if verdict != "exact" and shown < options.show:
                shown += 1
                print(f"{verdict:8}{path.stem}: {exchange['label']}: {why}")
        for verdict, number in count.items():
            total[verdict] += number
        if sum(count.values()):
            print(f"{path.stem}: {count['exact']} exact, {count['near']} near, {count['differs']} differ")
    whole = sum(total.values()) or 1
    print(
        f"{total['exact']} exact ({total['exact'] / whole:.0%}), {total['near']} near,"
        f" {total['differs']} differ, of {whole}"
    )
    sys.exit(1 if total["differs"] else 0)


if __name__ == "__main__":
    main()
