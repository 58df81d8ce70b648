"""The names of the former package ``dtp``: ``Auth``, ``Querier``, ``Exporter``, ``Gen3Submitter``.

A script that imported them from ``dtp`` imports them from here. Each is a few lines over what
``gen3nb.connect`` gives, so a mistake of the originals is none here: lists are whole, credentials are used,
and what was submitted is looked up.

>>> from gen3nb.dtp import Auth, Querier
>>> auth = Auth("https://data.example.org", "credentials.json")
>>> cases = Querier(auth).get_node_records("case", "DEMO", "GBSG2")  # doctest: +SKIP
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from gen3nb.client.auth import Auth
from gen3nb.dtp_config import auth_of_config
from gen3nb.errors import Gen3Error, NotConnected, SubmissionError, ValidationError

if TYPE_CHECKING:
    from gen3.auth import Gen3Auth

    from gen3nb.commons import Commons
    from gen3nb.dictionary import Node
    from gen3nb.frames.outcomes import SubmissionReport

__all__ = ["Auth", "Exporter", "Gen3Submitter", "Querier"]

Rows = list[dict[str, Any]]


class _Asker:
    """What signs in once and asks.

    Parameters
    ----------
    auth : Auth, gen3.auth.Gen3Auth or Commons
        Who asks, and which commons; or the path of a configuration file of ``dtp``.
    config_file : path, optional
        The same by its name in later versions, in place of ``auth``.

    Raises
    ------
    NotConnected
        It is none of these.
    ProfileError
        The configuration file cannot be read, or names no commons with an API key file.
    """

    def __init__(
        self,
        auth: Auth | Gen3Auth | Commons | str | os.PathLike[str] | None = None,
        *,
        config_file: str | os.PathLike[str] | None = None,
    ) -> None:
        if auth is not None and config_file is not None:
            raise ValueError("Only one of 'auth' and 'config_file' can be specified.")
        given = auth if auth is not None else config_file
        if isinstance(given, os.PathLike) or (isinstance(given, str) and "://" not in given):
            given = auth_of_config(given)
        self._commons = _commons_of(given, type(self).__name__)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self._commons.endpoint}>"


class Querier(_Asker):
    """Look up programs, projects and records, as an Auth (or a Gen3Auth, or a Commons) may."""

    def get_programs(self) -> list[str]:
        """Give the names of all programs (sheepdog, ``GET /api/v0/submission/``)."""
        return self._commons.sheepdog.programs()

    def get_projects(self, program: str) -> list[str]:
        """Give the codes of a program's projects (sheepdog, ``GET /api/v0/submission/{program}``).

        Raises
        ------
        NotFound
            There is no such program.
        """
        return self._commons.sheepdog.projects(program)

    def get_node_records(self, node: str, program: str, project: str) -> Rows:
        """Give all records of a node in a project (sheepdog, ``GET {P}/{Q}/export``).

        Parameters
        ----------
        node : str
            ``"case"``.
        program, project : str
            The program's name and the project's code.

        Returns
        -------
        list of dict
            Each with ``id``, ``type``, ``submitter_id``, its properties, and its links as lists of ends.
            Properties without a value are left out.

        Raises
        ------
        DictionaryError
            There is no such node.
        NotFound
            There is no such project.
        PermissionDenied
            You may not read there.
        IntegrityError
            They could not be read whole.
        """
        return _records(self._commons, node, program, project)

    def graphql_query(self, query_string: str, variables: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Run a GraphQL query and give its data (peregrine, ``POST /api/v0/submission/graphql``).

        Warns where a list came back cut at the server's default of 10 rows; ``first: 0`` asks for all.

        Raises
        ------
        QueryError
            GraphQL refused it: with line and column.
        """
        return self._commons.query(query_string, variables)


class Exporter(_Asker):
    """Give or save records as JSON or TSV, as an Auth (or a Gen3Auth, or a Commons) may read them."""

    def export_node(
        self,
        program: str,
        project: str,
        node_type: str,
        fileformat: str,
        filename: str | os.PathLike[str] | None = None,
    ) -> Rows | str:
        """Give all records of a node, and save them if a file is named (sheepdog, ``GET {P}/{Q}/export``).

        Parameters
        ----------
        program, project : str
            The program's name and the project's code.
        node_type : str
            ``"case"``.
        fileformat : "json" or "tsv"
            What to give and to write.
        filename : path, optional
            The file; one that is there gives way once the new one is whole.

        Returns
        -------
        list of dict, or str
            JSON: the records. TSV: the text. With and without a file.

        Raises
        ------
        ValidationError
            The format is neither.
        DictionaryError, NotFound, PermissionDenied, IntegrityError
            As for :meth:`Querier.get_node_records`.
        """
        _check_format(fileformat)
        node = self._commons.dictionary[node_type]
        records = _records(self._commons, node_type, program, project)
        if fileformat == "tsv":
            return _saved(_tsv_of(records, node), filename)
        _saved(_json_text(records) if filename is not None else "", filename)
        return records

    def export_record(
        self,
        program: str,
        project: str,
        uuid: str,
        fileformat: str,
        filename: str | os.PathLike[str] | None = None,
    ) -> dict[str, Any] | str:
        """Give one record, and save it if a file is named (sheepdog, ``POST {P}/{Q}/export``).

        Parameters
        ----------
        program, project : str
            The program's name and the project's code.
        uuid : str
            The record's ``id``.
        fileformat : "json" or "tsv"
            What to give and to write.
        filename : path, optional
            The file; one that is there gives way once the new one is whole.

        Returns
        -------
        dict, or str
            JSON: the record. TSV: the text, a header and one row.

        Raises
        ------
        ValidationError
            The format is neither.
        NotFound
            There is no such project, or no such record in it.
        PermissionDenied
            You may not read there.
        """
        from gen3nb.frames.record_files import stored_record

        _check_format(fileformat)
        commons = self._commons
        record = stored_record(commons, commons.project_id((program, project)), uuid)
        if fileformat == "tsv":
            return _saved(_tsv_of([record], commons.dictionary[str(record["type"])]), filename)
        _saved(_json_text(record), filename)
        return record

    def save(
        self, data: Rows | Mapping[str, Any] | str, fileformat: str, path: str | os.PathLike[str]
    ) -> None:
        """Save what the other methods gave; no service is asked but for the dictionary (sheepdog).

        Parameters
        ----------
        data : list of dict, dict or str
            Records, a record, or text. JSON takes anything else that JSON can hold.
        fileformat : "json" or "tsv"
            TSV takes records of one node, or text.
        path : path
            The file; one that is there gives way once the new one is whole.

        Raises
        ------
        ValidationError
            The format is neither, or the data does not fit it.
        Gen3Error
            The file cannot be written.
        """
        _check_format(fileformat)
        _saved(data if isinstance(data, str) else self._text_of(data, fileformat), path)

    def _text_of(self, data: Rows | Mapping[str, Any], fileformat: str) -> str:
        if fileformat == "json":
            return _json_text(data)
        records = [dict(data)] if isinstance(data, Mapping) else list(data)
        kinds = {str(one.get("type")) if isinstance(one, Mapping) else None for one in records}
        if len(kinds) != 1 or kinds & {None, "None"}:
            raise ValidationError(
                "A TSV holds the records of one node, each with its 'type'; these are "
                + (f"of {', '.join(sorted(map(str, kinds)))}" if kinds else "none")
                + ": save them as JSON, or each node in a file of its own."
            )
        return _tsv_of(records, self._commons.dictionary[str(kinds.pop())])


class Gen3Submitter(_Asker):
    """Submit a file of records.

    Parameters
    ----------
    endpoint : str
        The commons' address.
    credentials : path or Mapping
        The API key file from the commons' profile page, or its content.

    Raises
    ------
    ProfileError, AuthError
        The key file is missing or wrong, or of another commons.
    """

    def __init__(
        self, endpoint: str, credentials: str | os.PathLike[str] | Mapping[str, Any] | None = None
    ) -> None:
        if isinstance(credentials, Mapping):
            super().__init__(Auth(endpoint, refresh_token=credentials))
        else:
            super().__init__(Auth(endpoint, credentials))

    def submit_record(
        self,
        program: str,
        project: str,
        file: str | os.PathLike[str],
        *,
        missing: Literal["keep", "clear"] = "keep",
    ) -> SubmissionReport:
        """Submit a file of records, parents first, and look up what is stored (sheepdog, ``{P}/{Q}``).

        Only what is new or changed is sent; the same call again sends nothing twice.

        Parameters
        ----------
        program, project : str
            The program's name and the project's code.
        file : path
            JSON (a record or a list of them) or TSV, each record with its ``type``.
        missing : "keep" or "clear"
            What an empty cell or a null does to a stored value.

        Returns
        -------
        SubmissionReport
            One row for each record: what is stored now.

        Raises
        ------
        ValidationError, DictionaryError
            The file holds no such records; nothing was sent.
        NotFound
            There is no such project.
        PermissionDenied
            You may not create or update there; nothing was sent.
        SubmissionError
            Some records were not taken; its ``report`` says which, why, and what is stored.
        """
        from gen3nb.frames.record_files import read_records

        commons = self._commons
        target = commons.project_id((program, project))
        frames = read_records(file, commons.dictionary)
        report = commons.submit(frames, project=target, missing=missing)
        if not report.ok:
            table = report.to_frame()
            bad = table[table["status"].isin(["rejected", "not sent", "unknown"])].iloc[0]
            raise SubmissionError(
                f"Not all records of {Path(file).name} are stored in {target}: {report}. The first, "
                f"{bad['node']} {bad['submitter_id']!r}: {bad['reason'] or bad['status']}",
                report=report,
            )
        return report


def _commons_of(auth: object, who: str) -> Commons:
    """Give the commons that someone signs in to; it stays out of the list of open ones."""
    from gen3.auth import Gen3Auth

    from gen3nb.commons import Commons
    from gen3nb.commons.registry import forget

    if isinstance(auth, Commons):
        return auth
    if isinstance(auth, Gen3Auth) and not isinstance(auth, Auth):
        key = getattr(auth, "_refresh_token", None)
        ready = {"refresh_token": key} if key else {"access_token": auth.get_access_token()}
        auth = Auth(auth.endpoint, **ready)
    if not isinstance(auth, Auth):
        raise NotConnected(
            f"{who} takes an Auth, as gen3nb.dtp.Auth('https://…', 'credentials.json') gives it, "
            f"not a {type(auth).__name__}"
        )
    commons = Commons(auth, auth.transport())
    forget(commons)
    return commons


def _records(commons: Commons, node: str, program: str, project: str) -> Rows:
    from gen3nb.frames.reading import stored_records

    kind = commons.dictionary[node]
    return stored_records(commons, commons.project_id((program, project)), kind)


def _tsv_of(records: Iterable[Mapping[str, Any]], node: Node) -> str:
    from gen3nb.frames.codec import to_frame
    from gen3nb.frames.tsv import tsv_text

    return tsv_text(to_frame(records, node), node)


def _json_text(data: object) -> str:
    try:
        return json.dumps(data, ensure_ascii=False, indent=1, allow_nan=False) + "\n"
    except (TypeError, ValueError) as error:
        problem = str(error)
    raise ValidationError(f"This cannot be saved as JSON: {problem}.")


def _check_format(fileformat: str) -> None:
    if fileformat not in ("json", "tsv"):
        raise ValidationError(f"{fileformat!r} is no format: choose 'json' or 'tsv'.")


def _saved(text: str, path: str | os.PathLike[str] | None) -> str:
    """Give a text, having written it whole or not at all if a file is named."""
    if path is None:
        return text
    target = Path(path).expanduser()
    problem = ""
    try:
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".gen3nb-") as held:
            part = Path(held) / "part"
            part.write_text(text, encoding="utf-8", newline="")
            os.replace(part, target)
    except OSError as error:
        problem = error.strerror or type(error).__name__
    if problem:
        raise Gen3Error(f"{target} could not be written: {problem}. Choose another place.", path=str(target))
    return text
