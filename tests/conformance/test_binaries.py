"""Binary: its content under its own media type, and the resource that it is.

Source: https://hl7.org/fhir/R4/binary.html#rest
"""

import base64

import pytest

PICTURE = bytes(range(256))
PNG = {"content-type": "image/png"}


async def test_a_content_becomes_a_binary(client):
    made = await client.post("Binary", content=PICTURE, headers=PNG | {"x-security-context": "Patient/zhang"})
    assert made.status_code == 201, made.text
    resource = made.json()
    assert resource["contentType"] == "image/png"
    assert base64.b64decode(resource["data"]) == PICTURE
    assert resource["securityContext"] == {"reference": "Patient/zhang"}
    again = await client.put(f"Binary/{resource['id']}", content=b"other", headers=PNG)
    assert again.json()["meta"]["versionId"] == "2"


@pytest.mark.parametrize("accept", ["image/png", "image/*", "text/plain, image/png;q=0.5"])
async def test_a_content_comes_out_where_its_type_is_named(client, accept):
    await client.put("Binary/b", content=PICTURE, headers=PNG)
    for address in ("Binary/b", "Binary/b/_history/1"):
        answer = await client.get(address, headers={"accept": accept})
        assert (answer.status_code, answer.content) == (200, PICTURE)
        assert answer.headers["content-type"] == "image/png"
        assert answer.headers["etag"] == 'W/"1"'
        assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("accept", ["", "*/*", "application/fhir+json", "application/json", "application/fhir+xml"])
async def test_else_it_is_a_resource(client, accept):
    await client.put("Binary/b", content=PICTURE, headers=PNG)
    answer = await client.get("Binary/b", headers={"accept": accept})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("application/fhir+")


async def test_what_is_neither_is_refused(client):
    await client.put("Binary/b", content=PICTURE, headers=PNG)
    assert (await client.get("Binary/b", headers={"accept": "image/jpeg"})).status_code == 406
    assert (await client.get("Patient/b", headers={"accept": "image/png"})).status_code == 406
    assert (await client.post("Binary", content=b"x", headers={"content-type": "odd"})).status_code == 400
    assert (await client.post("Patient", content=b"x", headers=PNG)).status_code == 415


async def test_a_binary_as_a_resource_is_written_like_others(client):
    resource = {"resourceType": "Binary", "id": "b", "contentType": "text/plain", "data": "aGVsbG8="}
    assert (await client.put("Binary/b", json=resource)).status_code == 201
    assert (await client.get("Binary/b", headers={"accept": "text/plain"})).content == b"hello"
    assert (await client.get("Binary/b")).json()["data"] == "aGVsbG8="
