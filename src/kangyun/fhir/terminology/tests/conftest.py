"""A small terminology: animals, with everything that a code system can have."""

import pytest

from kangyun.fhir.terminology import specification

ANIMALS = "http://example.org/animals"


@pytest.fixture(scope="session")
def animals():
    """A code system of two branches; a mule has two parents."""
    return {
        "resourceType": "CodeSystem", "url": ANIMALS, "version": "1", "name": "Animals", "title": "动物",
        "content": "complete", "caseSensitive": True, "valueSet": f"{ANIMALS}/all", "language": "en",
        "concept": [
            {"code": "mammal", "display": "Mammal", "property": [{"code": "notSelectable", "valueBoolean": True}],
             "concept": [
                 {"code": "horse", "display": "Horse", "definition": "An animal to ride.",
                  "designation": [{"language": "zh", "value": "马"}],
                  "property": [{"code": "legs", "valueInteger": 4}, {"code": "child", "valueCode": "mule"}],
                  "concept": [{"code": "pony", "display": "Pony", "property": [{"code": "legs", "valueInteger": 4}]}]},
                 {"code": "donkey", "display": "Donkey", "concept": [{"code": "mule", "display": "Mule"}]},
             ]},
            {"code": "bird", "display": "Bird", "property": [{"code": "legs", "valueInteger": 2}],
             "concept": [
                 {"code": "dodo", "display": "Dodo", "property": [{"code": "status", "valueCode": "retired"}]},
             ]},
        ],
    }  # fmt: skip


@pytest.fixture(scope="session")
def zoo(animals):
    """The specification's terminology with the animals."""
    return specification().with_resources([animals])


@pytest.fixture
def value_set():
    """Makes a value set of parts: `value_set({"system": …}, exclude=[…])`."""

    def make(*include, url="http://example.org/vs", **compose):
        return {
            "resourceType": "ValueSet",
            "url": url,
            "status": "active",
            "compose": {"include": [*include], **compose},
        }

    return make
