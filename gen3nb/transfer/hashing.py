"""Hashes of files, under the names that the file index gives them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

__all__ = ["BLOCK", "hash_file", "hasher", "known_hashes", "strongest"]

#: Bytes read at a time.
BLOCK = 1 << 20

# Strongest first: the index's name, the digits of a value, hashlib's name.
_KINDS: dict[str, tuple[int, str]] = {
    "sha512": (128, "sha512"),
    "sha256": (64, "sha256"),
    "sha": (40, "sha1"),
    "md5": (32, "md5"),
}
_SPELLINGS = {"sha1": "sha", "sha-1": "sha", "sha-256": "sha256", "sha-512": "sha512"}
_HEX = re.compile(r"[0-9a-f]+")


def known_hashes(given: Mapping[str, Any] | None) -> dict[str, str]:
    """Give the hashes that can be checked, under the index's names and in lower case.

    Parameters
    ----------
    given : Mapping or None
        Kind to value, in any case, also as DRS spells them (``sha-256``). Values that are no hash of their
        kind are left out.

    Returns
    -------
    dict of str to str
        Strongest first.
    """
    plain: dict[str, str] = {}
    for kind, value in (given or {}).items():
        name = str(kind).strip().lower()
        text = str(value).strip().lower()
        name = _SPELLINGS.get(name, name)
        if name in _KINDS and len(text) == _KINDS[name][0] and _HEX.fullmatch(text):
            plain[name] = text
    return {kind: plain[kind] for kind in _KINDS if kind in plain}


def strongest(hashes: Mapping[str, str]) -> tuple[str, str] | None:
    """Give kind and value of the strongest hash; ``None`` where there is none that can be checked."""
    return next(iter(known_hashes(hashes).items()), None)


def hasher(kind: str) -> Any:
    """Give a ``hashlib`` object for one of the index's kinds: ``md5``, ``sha``, ``sha256``, ``sha512``."""
    return hashlib.new(_KINDS[kind][1], usedforsecurity=False)


def hash_file(path: str | Path, kinds: Iterable[str]) -> tuple[int, dict[str, str]]:
    """Read a file once, and give its size in bytes and its hashes by kind.

    Raises
    ------
    OSError
        It cannot be read.
    """
    sums = {kind: hasher(kind) for kind in kinds}
    size = 0
    with open(path, "rb", buffering=0) as file:
        while block := file.read(BLOCK):
            size += len(block)
            for one in sums.values():
                one.update(block)
    return size, {kind: one.hexdigest() for kind, one in sums.items()}
