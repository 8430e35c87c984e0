"""Searches by string and by URI.

Source: https://hl7.org/fhir/R4/search.html#string, https://hl7.org/fhir/R4/search.html#uri
"""

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="module")


def person(id_, family=None, given=(), **more):
    name = {"family": family, "given": list(given)} if given else {"family": family}
    return {"resourceType": "Patient", "id": id_} | ({"name": [name]} if family else {}) | more


def value_set(id_, url):
    return {"resourceType": "ValueSet", "id": id_, "status": "active", "url": url}


STOCK = (
    person("eve", "Everywoman", ["Eve", "Anna-Maria"]),
    person("anna", "Müller", ["Ánna"]),
    person("zhang", "张", ["三丰"]),
    person("ouyang", "欧阳", ["娜娜"]),
    person("nameless", address=[{"line": ["中山路1号"], "city": "Shanghai", "postalCode": "200000"}]),
    person("text-only", name=[{"text": "王 小明"}]),
    person("mixed", name=[{"text": "维生素B12片Plus"}]),
    person("comma", "O,Brien", ["Conor"]),
    value_set("fhir", "http://acme.org/fhir"),
    value_set("valueset", "http://acme.org/fhir/ValueSet/123"),
    value_set("history", "http://acme.org/fhir/ValueSet/123/_history/5"),
    value_set("near", "http://acme.org/fhirs"),
    value_set("oid", "urn:oid:1.2.3.4.5"),
)


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("Patient?given=eve", {"eve"}),
        ("Patient?given=EV", {"eve"}),
        ("Patient?given=ve", set()),
        ("Patient?given=anna", {"eve", "anna"}),
        ("Patient?given=maria", set()),
        ("Patient?family=muller", {"anna"}),
        ("Patient?family=Müll", {"anna"}),
        ("Patient?name=every", {"eve"}),
        ("Patient?name=eve,muller", {"eve", "anna"}),
        ("Patient?name=eve&name=anna", {"eve"}),
        ("Patient?given:exact=Eve", {"eve"}),
        ("Patient?given:exact=eve", set()),
        ("Patient?given:exact=Ev", set()),
        ("Patient?given:contains=MARI", {"eve"}),
        ("Patient?given:contains=nna", {"eve", "anna"}),
        ("Patient?given:contains=ve", {"eve"}),
        ("Patient?family:contains=ywom", {"eve"}),
        ("Patient?name=张三", {"zhang"}),
        ("Patient?family=张", {"zhang"}),
        ("Patient?name:contains=丰", {"zhang"}),
        ("Patient?name:contains=娜娜", {"ouyang"}),
        ("Patient?name:contains=阳娜", {"ouyang"}),
        ("Patient?name=zhangsan", {"zhang"}),
        ("Patient?name=ouyangnana", {"ouyang"}),
        ("Patient?name=oynn", {"ouyang"}),
        ("Patient?name=王", {"text-only"}),
        ("Patient?name:contains=B12", {"mixed"}),
        ("Patient?name:contains=素b1", {"mixed"}),
        ("Patient?name:contains=片plus", {"mixed"}),
        ("Patient?name:contains=plu", {"mixed"}),
        ("Patient?name:contains=素12", set()),
        ("Patient?family=O\\,Brien", {"comma"}),
        ("Patient?family=O,Brien", {"comma", "ouyang"}),
        ("Patient?address=中山路", {"nameless"}),
        ("Patient?address-city=shang", {"nameless"}),
        ("Patient?address-postalcode=2000", {"nameless"}),
        ("Patient?name:missing=true", {"nameless"}),
        ("Patient?family:missing=true", {"nameless", "text-only", "mixed"}),
        ("Patient?name:missing=false&address:missing=false", set()),
        ("ValueSet?url=http://acme.org/fhir", {"fhir"}),
        ("ValueSet?url=http://acme.org/FHIR", set()),
        ("ValueSet?url:below=http://acme.org/fhir", {"fhir", "valueset", "history"}),
        ("ValueSet?url:below=http://acme.org/fhir/", {"fhir", "valueset", "history"}),
        ("ValueSet?url:below=http://acme.org", {"fhir", "valueset", "history", "near"}),
        ("ValueSet?url:above=http://acme.org/fhir/ValueSet/123/_history/5", {"fhir", "valueset", "history"}),
        ("ValueSet?url:above=http://acme.org/fhir/ValueSet/123", {"fhir", "valueset"}),
        ("ValueSet?url=urn:oid:1.2.3.4.5", {"oid"}),
        ("ValueSet?url=http://acme.org/fhir,urn:oid:1.2.3.4.5", {"fhir", "oid"}),
        ("ValueSet?url:missing=true", set()),
    ],
)
async def test_a_text_is_found(stocked, ids_of, search, found):
    assert set(await ids_of(stocked, search)) == found


@pytest.mark.parametrize("search", ["Patient?name=", "Patient?name:above=x", "ValueSet?url:contains=acme"])
async def test_what_cannot_be_asked_is_refused(stocked, search):
    assert (await stocked.get(search, headers={"prefer": "handling=strict"})).status_code == 400
