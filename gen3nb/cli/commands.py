"""Which commands there are: each is one line here, and its module is loaded when it is used.

This module imports nothing heavy: it answers ``gen3nb --help``.
"""

from __future__ import annotations

import importlib
import os
import shutil
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["EPILOG", "INTRODUCTION", "OPTIONS", "SECTIONS", "Command", "find", "overview", "quick_answer"]

INTRODUCTION = "Gen3 data commons in pandas and notebook panels. Start with `gen3nb demo`: no account needed."
EPILOG = (
    "Exit codes: 0 done, 1 not done or only in part, 2 wrong usage, 3 not signed in, 4 no permission, "
    "5 not found, 6 no usable answer, 7 a package is missing, 130 interrupted."
)


@dataclass(frozen=True)
class Command:
    """A command or a group of commands.

    Parameters
    ----------
    name : str
        As it is typed.
    home : str
        ``"module:name"`` of a function, or of a ``Commands`` for a group, below ``gen3nb.cli``.
    help : str
        One sentence, the same that the function's docstring or the group's help begins with.
    also : tuple of str
        Other spellings that work.
    hidden : bool
        Not listed: kept for old scripts.
    loose : bool
        Takes any words and options after its name.
    """

    name: str
    home: str
    help: str
    also: tuple[str, ...] = ()
    hidden: bool = False
    loose: bool = False

    def load(self) -> Any:
        """Import the module, and give the function or the group."""
        module, _, name = self.home.partition(":")
        return getattr(importlib.import_module(f"gen3nb.cli.{module}"), name)


SECTIONS: tuple[tuple[str, tuple[Command, ...]], ...] = (
    (
        "Begin",
        (
            Command(
                "demo",
                "demo:demo",
                "Load 686 patients of a published breast-cancer trial, read them back, draw survival curves.",
            ),
            Command("sandbox", "sandbox:app", "A practice commons: a real Gen3 server on this machine."),
            Command(
                "lab",
                "lab:lab",
                "Open JupyterLab (this machine only, with a token) with notebooks, on a practice commons.",
            ),
        ),
    ),
    (
        "Sign in",
        (
            Command(
                "configure",
                "configure:configure",
                "Make a profile, or give one another key; both are tried at the commons before anything is "
                "written.",
            ),
            Command("profiles", "profiles:app", "Profiles: which commons you use, and the key of each."),
            Command(
                "auth",
                "auth:auth",
                "Show who is signed in, how, until when, and what they may do.",
            ),
            Command(
                "curl",
                "curl:curl",
                "Send a request to a commons, signed with your token, and write the answer.",
            ),
        ),
    ),
    (
        "Access and jobs",
        (
            Command(
                "collaborator",
                "collaborator:app",
                "Who works on a project: give people access, and take it back, by access requests.",
                also=("collaborators",),
            ),
            Command("request", "request:app", "Access requests: ask for access, see what became of it."),
            Command(
                "job", "job:app", "Jobs that run in the commons itself, such as exports.", also=("jobs",)
            ),
        ),
    ),
    (
        "Data",
        (
            Command(
                "read",
                "read:read",
                "Read all records of a node, typed by the dictionary, into a file or a table.",
            ),
            Command("query", "read:query", "Run any GraphQL query and write its data as JSON."),
            Command("counts", "read:counts", "Count the records of every node, by project."),
            Command("programs", "read:programs", "List the programs."),
            Command("projects", "read:projects", "List the projects."),
            Command(
                "validate",
                "submit:validate",
                "Check records against the dictionary; nothing is sent.",
            ),
            Command(
                "diff", "submit:diff", "Show what a submission would change, cell by cell; nothing is sent."
            ),
            Command(
                "submit",
                "submit:submit",
                "Submit files of records in link order; only what is new or changed is sent, and looked up "
                "afterwards.",
            ),
            Command(
                "delete",
                "submit:delete",
                "Delete the records that files name, children first, after showing what would go.",
            ),
            Command(
                "export",
                "backup:export",
                "Write the records of a project, a file for each node, with counts and checksums.",
            ),
            Command(
                "snapshot",
                "backup:snapshot",
                "Back up all records of a project with its dictionary, whole or not at all.",
            ),
            Command(
                "restore",
                "backup:restore",
                "Submit a snapshot to its project or another; checksums are compared first.",
            ),
            Command(
                "dictionary",
                "dictionary:app",
                "The data dictionary of a commons: its nodes, their properties and links.",
            ),
        ),
    ),
    (
        "Files",
        (
            Command(
                "download",
                "download:download",
                "Download files by GUID or manifest, each checked by its hash; the same command again goes "
                "on.",
            ),
            Command(
                "download-single",
                "download:download_single",
                "Download one file, checked by its hash; the same command again goes on where it stopped.",
            ),
            Command(
                "download-multiple",
                "download:download_multiple",
                "Download the files of a manifest, each checked by its hash; the same command again goes on.",
            ),
            Command(
                "upload",
                "upload:upload",
                "Upload files, each once and checked by its hash; the same command again goes on where it "
                "stopped.",
            ),
            Command(
                "upload-single",
                "upload:upload_single",
                "Upload one file to the record of a GUID, checked by its hash.",
            ),
            Command(
                "upload-multiple",
                "upload:upload_multiple",
                "Upload the files of a manifest to the records of its GUIDs, each checked by its hash.",
            ),
            Command(
                "upload-multipart",
                "upload:upload_multipart",
                "Upload one file in parts, several at a time; the same command again sends what is missing.",
            ),
            Command(
                "retry-upload",
                "retrying:retry_upload",
                "Upload what a log lists as failed; what is there by now is not sent again.",
            ),
            Command(
                "register",
                "register:register",
                "Register files that lie in a bucket already, by manifest; all is checked first, and shown.",
            ),
            Command(
                "unmapped",
                "register:unmapped",
                "List the files that are in the commons and that no record describes.",
            ),
            Command(
                "map",
                "register:map_files",
                "Make the records that describe files which are in the commons.",
            ),
            Command(
                "manifest",
                "manifest:app",
                "Manifests, the lists of files: make, check, split and join them.",
            ),
            Command("generate-tsv", "files:generate_tsv", "Do nothing.", hidden=True, loose=True),
        ),
    ),
    (
        "This program",
        (
            Command(
                "doctor",
                "doctor:doctor",
                "Find what is wrong with the set-up, from packages to permissions, and say what to do.",
            ),
            Command(
                "completion", "completion:completion", "Write the script that completes words in a shell."
            ),
            Command("version", "version:version", "Show the versions of gen3nb and of what it stands on."),
        ),
    ),
)

#: What may stand before the command, for the overview; the parser's own list is held to it by a test.
OPTIONS: tuple[tuple[str, str], ...] = (
    (
        "-p, --profile NAME",
        "A profile of ~/.gen3/gen3_client_config.ini, else that of GEN3NB_PROFILE; also after the command.",
    ),
    ("--verbose", "Say on standard error what is done; also after the command."),
    ("-v, --version", "Show the version."),
    ("--install-completion", "Install completion for the current shell."),
    ("--show-completion", "Show completion for the current shell."),
    ("-h, --help", "Show this message; also after any command."),
)


def find(name: str) -> Command | None:
    """Give the command of a name, or of another spelling of it."""
    for _, entries in SECTIONS:
        for entry in entries:
            if name == entry.name or name in entry.also:
                return entry
    return None


def overview() -> str:
    """Give the text of ``gen3nb --help``."""
    width = min(shutil.get_terminal_size((100, 24)).columns, 100)
    parts = ["Usage: gen3nb [OPTIONS] COMMAND [ARGS]...\n", *_wrapped(INTRODUCTION, width), ""]
    column = max(len(entry.name) for _, entries in SECTIONS for entry in entries) + 4
    for title, entries in SECTIONS:
        shown = [entry for entry in entries if not entry.hidden]
        if not shown:
            continue
        parts.append(f"{title}:")
        for entry in shown:
            parts += _item(entry.name, entry.help, column, width)
        parts.append("")
    parts.append("Options:")
    column = max(len(option) for option, _ in OPTIONS) + 4
    for option, text in OPTIONS:
        parts += _item(option, text, column, width)
    return "\n".join([*parts, "", *_wrapped(EPILOG, width)]) + "\n"


def _item(name: str, text: str, column: int, width: int) -> list[str]:
    return textwrap.wrap(
        text, width, initial_indent=f"  {name:<{column - 2}}", subsequent_indent=" " * column
    ) or [f"  {name}"]


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width)


def quick_answer(words: Sequence[str]) -> str | None:
    """Give the overview or the version, where that is all that was asked for."""
    if os.environ.get("_GEN3NB_COMPLETE"):
        return None
    if list(words) in ([], ["--help"], ["-h"], ["help"]):
        return overview()
    if list(words) in (["--version"], ["-v"]):
        from gen3nb import __version__

        return f"gen3nb {__version__}\n"
    return None
