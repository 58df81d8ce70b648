"""What DRS says of a file or a bundle, in one shape whatever server said it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gen3nb.errors import ServiceError

__all__ = ["AccessMethod", "Content", "DrsObject", "read_object"]


@dataclass(frozen=True)
class AccessMethod:
    """A way to the bytes of an object.

    Attributes
    ----------
    type : str
        ``"s3"``, ``"gs"``, ``"https"`` …
    access_id : str or None
        What to ask for a URL with; ``None`` where ``url`` is one already.
    url : str or None
        Where the object is. No presigned URL: those come from :meth:`Drs.access_url` only.
    cloud, region : str or None
    """

    type: str
    access_id: str | None = None
    url: str | None = None
    cloud: str | None = None
    region: str | None = None


@dataclass(frozen=True)
class Content:
    """One entry of a bundle."""

    id: str | None
    name: str
    drs_uri: str | None = None
    contents: tuple[Content, ...] = ()


@dataclass(frozen=True)
class DrsObject:
    """A file, or a bundle of files and bundles.

    Attributes
    ----------
    id : str
    endpoint : str
        The address of the host that knows it.
    name : str or None
    size : int or None
        Bytes.
    checksums : Mapping of str to str
        By type, as the index writes them: ``{"md5": …, "sha256": …}``, in lower case.
    access_methods : tuple of AccessMethod
        None for a bundle.
    contents : tuple of Content
        What lies in a bundle.
    self_uri : str
    description, mime_type, version : str or None
    aliases : tuple of str
    """

    id: str
    endpoint: str
    name: str | None = None
    size: int | None = None
    checksums: Mapping[str, str] = field(default_factory=dict)
    access_methods: tuple[AccessMethod, ...] = ()
    contents: tuple[Content, ...] = ()
    self_uri: str = ""
    description: str | None = None
    mime_type: str | None = None
    version: str | None = None
    aliases: tuple[str, ...] = ()
    form: str | None = None

    @property
    def is_bundle(self) -> bool:
        """Whether it is a bundle."""
        return bool(self.contents) or self.form == "bundle"


def read_object(answer: Any, endpoint: str) -> DrsObject:
    """Read what a DRS server answered.

    Raises
    ------
    ServiceError
        It is no DRS object.
    """
    if not isinstance(answer, Mapping) or not isinstance(answer.get("id"), str):
        raise ServiceError(f"{endpoint} gave no DRS object", service="indexd")
    size = answer.get("size")
    return DrsObject(
        id=answer["id"],
        endpoint=endpoint,
        name=answer.get("name") or None,
        size=size if isinstance(size, int) else None,
        checksums=_checksums(answer.get("checksums")),
        access_methods=tuple(map(_method, _mappings(answer.get("access_methods")))),
        contents=tuple(map(_content, _mappings(answer.get("contents")))),
        self_uri=str(answer.get("self_uri") or ""),
        description=answer.get("description") or None,
        mime_type=answer.get("mime_type") or None,
        version=answer.get("version") or None,
        aliases=tuple(str(one) for one in answer.get("aliases") or ()),
        form=answer.get("form"),
    )


def _mappings(given: Any) -> list[Mapping[str, Any]]:
    return [one for one in given or () if isinstance(one, Mapping)]


def _checksums(given: Any) -> dict[str, str]:
    """Give checksums by type; servers write ``sha-256``, ``SHA256`` and ``sha256``."""
    return {
        str(one["type"]).lower().replace("-", ""): str(one["checksum"]).lower()
        for one in _mappings(given)
        if one.get("type") and one.get("checksum")
    }


def _method(given: Mapping[str, Any]) -> AccessMethod:
    place = given.get("access_url")
    url = place.get("url") if isinstance(place, Mapping) else place
    return AccessMethod(
        type=str(given.get("type") or ""),
        access_id=given.get("access_id") or None,
        url=url if isinstance(url, str) and url else None,
        cloud=given.get("cloud") or None,
        region=given.get("region") or None,
    )


def _content(given: Mapping[str, Any]) -> Content:
    uris = given.get("drs_uri")
    uri = uris[0] if isinstance(uris, list) and uris else uris
    return Content(
        id=given.get("id") or None,
        name=str(given.get("name") or ""),
        drs_uri=uri if isinstance(uri, str) and uri else None,
        contents=tuple(map(_content, _mappings(given.get("contents")))),
    )
