"""A GUID is a part of an address, and some people's GUIDs are addresses of their own."""

from __future__ import annotations

import pytest

from gen3nb import errors
from gen3nb.client.fence_files import FileRoutes
from gen3nb.client.indexd import Indexd
from gen3nb.client.metadata import Metadata
from gen3nb.client.transport import Transport


@pytest.mark.parametrize(
    "guid", ["..", ".", "../..", "x/../../user", "../../user/credentials/api/KEY", "a/."]
)
def test_no_guid_leads_to_another_route(stub, guid):
    transport = Transport(stub.endpoint)
    files, index, metadata = FileRoutes(transport), Indexd(transport), Metadata(transport)
    for act in (
        files.download_url,
        files.delete_file,
        index.get,
        index.delete,
        index.versions,
        metadata.get,
        lambda guid: transport.json("DELETE", f"/user/data/{guid.replace('.', '%2E')}", service="fence"),
    ):
        with pytest.raises(errors.NotFound, match=r"nothing was sent|no metadata"):
            act(guid)
    assert stub.requests == []


def test_dots_within_a_name_are_its_own(stub):
    stub.on("*", {"url": "https://store.test/x"})
    assert FileRoutes(Transport(stub.endpoint)).download_url("dg.T/...a..b.").guid == "dg.T/...a..b."
    assert len(stub.requests) == 1
