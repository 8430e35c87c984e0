"""What the index holds of a resource."""

from kangyun.store.index import Indexer
from kangyun.store.tokens import Hasher


def test_a_value_that_is_said_twice_is_held_once():
    name = {"text": "刘丕丧", "family": "刘", "given": ["丕丧"]}
    row = Indexer(Hasher(b"key")).row({"resourceType": "Patient", "name": [name]}, 4096, {})
    assert len(row.strings) == len(set(row.strings))
    assert {"刘丕丧", "liupisang", "liu pi sang", "lps", "刘", "丕丧"} <= {text for _, text in row.strings}
