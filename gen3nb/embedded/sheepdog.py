"""The submission service (sheepdog 5.2.4): its routes.

Paths are the service's own; the newer form ``/v0/submission/…`` and the older ``/submission/…`` are the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.convertors import Convertor, register_url_convertor
from starlette.routing import BaseRoute, Route

from .sheepdog_http import Handler, endpoint
from .sheepdog_reading import Reading
from .sheepdog_records import index_keys
from .sheepdog_writing import Writing

if TYPE_CHECKING:
    from .state import State


class ProgramName(Convertor[str]):
    """A program in a path; the query service has routes of its own beside those of programs."""

    regex = "(?!(?:graphql|getschema)(?:/|$))[^/]+"

    def convert(self, value: str) -> str:
        """Take the name as it stands."""
        return value

    def to_string(self, value: str) -> str:
        """Give the name as it stands."""
        return value


register_url_convertor("program", ProgramName())


def routes(state: State) -> list[BaseRoute]:
    """Return the service's routes."""
    service = Sheepdog(state)
    with state.graph.write() as db:
        index_keys(db, state.schemas)
    found: list[BaseRoute] = []
    for prefix in ("/v0/submission", "/submission"):
        for path, methods in service.table().items():
            for names, handler in methods.items():
                found.append(Route(prefix + path, endpoint(handler), methods=names.split("|")))
    return found


class Sheepdog(Reading, Writing):
    """The handlers of one practice commons, by path and method."""

    def table(self) -> dict[str, dict[str, Handler]]:
        """Return the handlers by path and method."""
        project = "/{program:program}/{project}"
        return {
            "/": {"GET": self.list_programs, "PUT|POST|PATCH": self.create_program},
            "/_dictionary": {"GET": self.dictionary},
            "/_dictionary/{entry}": {"GET": self.dictionary_entry},
            "/template": {"GET": self.templates},
            "/template/{node}": {"GET": self.template},
            "/validation/upload_manifest": {"POST": self.validate_manifest},
            "/{program:program}": {
                "GET": self.list_projects,
                "PUT|POST|PATCH": self.create_project,
                "DELETE": self.delete_program,
            },
            project: {"PUT|POST": self.submit, "DELETE": self.delete_project},
            f"{project}/_dry_run": {"PUT|POST": self.submit},
            f"{project}/bulk": {"PUT|POST": self.bulk},
            f"{project}/bulk/_dry_run": {"PUT|POST": self.bulk},
            f"{project}/_dictionary": {"GET": self.dictionary},
            f"{project}/_dictionary/{{entry}}": {"GET": self.dictionary_entry},
            f"{project}/template": {"GET": self.templates},
            f"{project}/template/{{node}}": {"GET": self.template},
            f"{project}/entities/{{ids}}": {"GET": self.entities, "DELETE": self.delete},
            f"{project}/entities/_dry_run/{{ids}}": {"DELETE": self.delete},
            f"/admin{project}/entities/{{ids}}/to_delete/{{value}}": {"DELETE": self.mark},
            f"{project}/export": {"GET|POST": self.export},
            f"{project}/manifest": {"GET": self.manifest},
            f"{project}/upload_manifest": {"GET": self.manifest},
            f"{project}/files/{{id}}": {"GET|PUT|POST|DELETE": self.file},
            f"{project}/files/{{id}}/_dry_run": {"GET|PUT|POST|DELETE": self.file},
            **{
                f"{project}/{action}{dry}": {"PUT|POST": self.transition}
                for action in ("review", "open", "submit", "release")
                for dry in ("", "/_dry_run")
            },
            f"{project}/transactions/{{number:int}}/close": {"PUT|POST": self.close},
            f"{project}/transactions/{{number:int}}/commit": {"PUT|POST": self.commit},
        }
