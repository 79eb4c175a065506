"""What the Node clients (7.1 to 16.1) send beyond what the other tests of the wire send. No SDK."""

import pytest

from tests.flow.people import People
from tests.flow.storage_calls import cloud
from tests.flow.wire import Wire


@pytest.fixture(scope="module")
async def wire(people: People) -> Wire:
    return await people.contract()


@pytest.mark.protocol("11.3")
def test_node_addresses_a_listed_file_by_its_path_and_name(wire: Wire) -> None:
    """Its documentation says `file.path + file.name`, and the application's folder is cut off."""
    storage = wire.post("storage").json()["id"]
    for path in ("/Some/Folder/Hello.txt", "/Root.txt"):
        assert cloud(wire, "POST", storage, path, content=path.encode()).status_code == 201
    listed = cloud(wire, "GET", storage, "/?recursive=true").json()["files"]
    found = set()
    for file in listed:
        path = file["path"].split(f"/apps/{wire.application_id.lower()}")[1]
        original = file["originalPath"].split(f"/apps/{wire.application_id}")[1]
        found.add(original + file["originalName"])
        content = cloud(wire, "GET", storage, path + file["name"]).content
        assert content == (original + file["originalName"]).encode()
    assert found == {"/Some/Folder/Hello.txt", "/Root.txt"}
