"""Names that the commons knows, as names on every system: Windows, macOS, Linux, and within their folder."""

from __future__ import annotations

import random
import re
import unicodedata
from pathlib import PureWindowsPath

import pytest

from gen3nb.transfer.names import LONGEST, local_name, name_key, numbered, part_name

GUID = "dg.T/0b6ff9ad-5f0b-4ae1-a9a5-f1b8b6f1d9c1"
REFUSED = re.compile(r'[<>:"\\|?*\x00-\x1f\x7f]')
DEVICES = {"con", "prn", "aux", "nul", *(f"{name}{n}" for name in ("com", "lpt") for n in range(1, 10))}


def named(name: str | None, *urls: str) -> str:
    return local_name(GUID, name, urls, "original")


def check(name: str) -> None:
    """See that a name is good on every system."""
    assert name
    assert not name.startswith("/")
    assert not PureWindowsPath(name).drive
    for part in name.split("/"):
        assert part not in ("", ".", "..")
        assert not REFUSED.search(part), part
        assert part.rstrip(" .") == part
        assert part.partition(".")[0].rstrip(" ").lower() not in DEVICES, part
        assert len(part_name(part, GUID).encode()) <= 255
        assert unicodedata.is_normalized("NFC", part)


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "..\\..\\windows\\system32",
        "C:\\x",
        "C:x",
        "//server/share/x",
        "CON",
        "con.",
        "Con .txt",
        "nul.tar.gz",
        "a/COM1/b",
        "lpt9. ",
        "a\nb",
        "a\0b",
        "a:b?.txt ",
        "...",
        ". .",
        "   ",
        "~",
        "-rf",
        "a/./b/../c",
        "e\u0301.txt",
        "\ud800.txt",
        "\u202egnp.exe",
        "x" * 300 + ".fastq.gz",
        "ü" * 300,
        "a." + "x" * 300,
        "/".join(["d" * 300] * 3),
    ],
)
def test_hostile_names(name):
    check(named(name))
    check(local_name(GUID, name, (), "combined"))


def test_many_hostile_names():
    chance = random.Random(5)
    pieces = [
        "..",
        ".",
        "/",
        "\\",
        ":",
        "CON",
        "nul",
        "COM1",
        " ",
        "\n",
        "\0",
        "é",
        "e\u0301",
        "a",
        "~",
        "*",
        "x" * 90,
    ]
    for _ in range(3_000):
        check(named("".join(chance.choices(pieces, k=chance.randint(1, 9)))))


def test_usual_names_stay_as_they_are():
    for name in ("reads.bam", "a b.txt", "sub/ä.csv", "Überblick (1).xlsx", "console.txt", "x.part", "a-b_c"):
        assert named(name) == name


def test_names_that_only_look_different_are_one():
    assert name_key("e\u0301.TXT") == name_key("\u00e9.txt")
    assert named("e\u0301.txt") == "\u00e9.txt"
    assert name_key("Straße") == name_key("STRASSE")


def test_long_names_are_cut_in_the_middle_and_stay_two():
    one, two = named("x" * 300 + "1.fastq.gz"), named("x" * 300 + "2.fastq.gz")
    assert one != two
    for name in (one, two):
        assert name.endswith(".fastq.gz")
        assert len(name.encode()) == LONGEST


def test_where_a_name_comes_from():
    assert named(None, "s3://b/k/a%20b.bam", "gs://b/other") == "a b.bam"
    assert named(None, "s3://b/", "gs://b/other") == "other"
    assert named(None) == GUID
    assert named("..") == GUID.replace("/", "_")
    assert local_name(GUID, "a.bam", (), "guid") == GUID
    assert local_name(GUID, "a.bam", (), "combined") == f"{GUID}_a.bam"
    assert numbered("sub/a.tar.gz", 2) == "sub/a.tar_2.gz"


def test_parts_are_called_by_their_file_and_no_file_is_called_so():
    assert part_name("a", "g") == part_name("a", "g")
    assert (
        len({part_name("a", "g"), part_name("a", "h"), part_name("a", "g", "1of2"), part_name("b", "g")}) == 4
    )
    assert named(part_name("a.bam", "g")) == f"{part_name('a.bam', 'g')}_"
