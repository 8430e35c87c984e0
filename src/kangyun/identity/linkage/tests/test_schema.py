"""A schema is data, and what contradicts itself is told with its place."""

import msgspec
import pytest

from kangyun.base.errors import Invalid
from kangyun.identity.linkage.comparing import compiled
from kangyun.identity.linkage.schema import read_schema

HEAD = 'name = "s"\nthresholds = {thresholds}\n[[comparison]]\nname = "birth"\n'
THRESHOLDS = "{ certain = 0.9, probable = 0.5, possible = 0.1 }"
TERM = 'terms.birth = {{ comparator = "{comparator}", field = "birth"{more} }}\n'
BLOCK = '[[block]]\nname = "b"\nkey = ["birth"]\n'


def written(levels, *, thresholds=THRESHOLDS, comparator="date", more="", after=""):
    head = HEAD.format(thresholds=thresholds)
    return (head + TERM.format(comparator=comparator, more=more) + f"levels = [{levels}]\n" + BLOCK + after).encode()


SAME = '{ name = "same", when = [{ birth = "exact" }] }'


def test_what_is_declared_is_read():
    schema = read_schema(written(SAME))
    assert schema.comparison[0].level_names == ("same", "differs")
    assert schema.comparison[0].fields == {"birth"}
    assert schema.frequency_fields == ()


@pytest.mark.parametrize(
    ("data", "place"),
    [
        (written(SAME, thresholds="{ certain = 0.5, probable = 0.9, possible = 0.1 }"), "thresholds"),
        (written(SAME + ", " + SAME), "birth.same"),
        (written('{ name = "differs", when = [{ birth = "exact" }] }'), "birth.differs"),
        (written('{ name = "same", when = [] }'), "birth.same"),
        (written('{ name = "same", when = [{}] }'), "birth.same"),
        (written('{ name = "same", when = [{ death = "exact" }] }'), "birth.same"),
        (written('{ name = "same", when = [{ birth = "exact" }], frequency = ["death"] }'), "birth.same"),
        (
            written(
                '{ name = "same", when = [{ birth = "exact" }], frequency = ["birth"] }', more=', across = "death"'
            ),
            "birth.same",
        ),
        (written(SAME, after='[[forbid]]\nname = "f"\nwhen = { birth = ["other"] }\n'), "forbid f"),
        (written(SAME, after='[[forbid]]\nname = "f"\nwhen = { death = ["same"] }\n'), "forbid f"),
        (written(SAME, after='[[forbid]]\nname = "f"\nwhen = {}\n'), "forbid f"),
    ],
)
def test_a_contradiction_is_told_with_its_place(data, place):
    with pytest.raises(Invalid) as refused:
        read_schema(data)
    assert refused.value.issues[0].parameters == {"place": place}


@pytest.mark.parametrize("data", [b"", b"name = 1", b"\xff", written(SAME) + b"[other]\n"])
def test_what_is_no_schema_is_refused(data):
    with pytest.raises(Invalid, match="schema-unreadable"):
        read_schema(data)


@pytest.mark.parametrize(
    "data", [written(SAME, comparator="telepathy"), written('{ name = "same", when = [{ birth = "nearly" }] }')]
)
def test_comparators_and_grades_have_to_be_there(data):
    with pytest.raises(Invalid, match="schema-wrong"):
        compiled(read_schema(data))


def test_the_digest_is_of_comparisons_only(schema):
    other = msgspec.structs.replace(schema, forbid=(), block=(), name="another")
    assert other.digest == schema.digest
    assert msgspec.structs.replace(schema, comparison=schema.comparison[1:]).digest != schema.digest
