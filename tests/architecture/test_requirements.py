"""Everything that our SQL asks of a server stands in the one list that `kangyun doctor --database` tries.

SQL is found in `.sql` files and in the string constants of Python modules that hold a statement. Three things are
looked at: functions that are called, types that are named, and clauses by a table of those that not every server has.
"""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from kangyun.database.requirements import features

SOURCE = Path(__file__).parents[2] / "src" / "kangyun"
LISTED = {use for feature in features() for use in feature.uses}

# A statement that a Python module holds, or a piece of one.
STATEMENT = re.compile(
    r"\b(SELECT|INSERT INTO|UPDATE \w+|DELETE FROM|CREATE (TABLE|INDEX|TYPE|FUNCTION)|ALTER TABLE|JOIN LATERAL|"
    r"WITH \w+ AS)\b"
)
# Words of SQL's own grammar that stand before a parenthesis and are no functions.
GRAMMAR = frozenset(
    re.findall(
        r"\w+",
        """
    and as by check exists filter from in into key lateral limit materialized not on or over primary set select then
    unique using values when where with else partition references returns any all array row case cast only index
    offset union except intersect default conflict between is distinct like out returning
    """,
    )
)
# Clauses that not every server that calls itself PostgreSQL has: the name in `uses`, and how it is written.
CLAUSES = {
    "MATERIALIZED": r"\bMATERIALIZED\b",
    "LATERAL": r"\bLATERAL\b",
    "FILTER": r"\bFILTER \(",
    "OVER": r"\bOVER \(",
    "ON CONFLICT": r"\bON CONFLICT\b",
    "RETURNING": r"\bRETURNING\b",
    "SKIP LOCKED": r"\bSKIP LOCKED\b",
    "FOR UPDATE": r"\bFOR UPDATE\b",
    "LOCK TABLE": r"\bLOCK TABLE\b",
    "PARTITION BY RANGE": r"\bPARTITION BY RANGE\b",
    "PARTITION OF": r"\bPARTITION OF\b",
    "ATTACH PARTITION": r"\bATTACH PARTITION\b",
    "DETACH PARTITION": r"\bDETACH PARTITION\b",
    "LIKE INCLUDING ALL": r"\bINCLUDING ALL\b",
    "SET STORAGE EXTERNAL": r"\bSET STORAGE\b",
    "SET STATISTICS": r"\bSET STATISTICS\b",
    "fillfactor": r"\bfillfactor\b",
    "UNLOGGED": r"\bUNLOGGED\b",
    "USING gin": r"\bUSING gin\b",
    "USING brin": r"\bUSING brin\b",
    "USING gist": r"\bUSING (?:sp)?gist\b",
    "USING hash": r"\bUSING hash\b",
    "GENERATED ALWAYS AS IDENTITY": r"\bGENERATED ALWAYS AS IDENTITY\b",
    "CREATE TYPE": r"\bCREATE TYPE\b",
    "LANGUAGE plpgsql": r"\bLANGUAGE plpgsql\b",
    "LANGUAGE sql": r"\bLANGUAGE sql\b",
    "GET DIAGNOSTICS": r"\bGET DIAGNOSTICS\b",
    "RAISE EXCEPTION": r"\bRAISE EXCEPTION\b",
    "PERFORM": r"\bPERFORM\b",
    "COLLATE": r"\bCOLLATE\b",
    "WITH ORDINALITY": r"\bWITH ORDINALITY\b",
    "FOREIGN KEY": r"\bFOREIGN KEY\b",
    "RECURSIVE": r"\bWITH RECURSIVE\b",
    "TABLESAMPLE": r"\bTABLESAMPLE\b",
    "DISTINCT ON": r"\bDISTINCT ON\b",
    "IS DISTINCT FROM": r"\bIS (?:NOT )?DISTINCT FROM\b",
    "NOTIFY": r"\b(?:NOTIFY|LISTEN)\b",
    "EXTENSION": r"\bCREATE EXTENSION\b",
    "MERGE": r"\bMERGE INTO\b",
    "jsonb": r"\bjsonb?\b",
    "&&": r" && ",
    "@>": r" @> ",
    "SET LOCAL": r"\bSET LOCAL\b",
    "EXPLAIN": r"\bEXPLAIN\b",
    "pg_stats": r"\bpg_stats\b",
    "pg_stat_activity": r"\bpg_stat_activity\b",
    "pg_locks": r"\bpg_locks\b",
    "pg_stat_user_tables": r"\bpg_stat_user_tables\b",
}


@cache
def pieces():
    """Returns (file, SQL) of everything that reaches a server."""
    return tuple(_pieces())


def _pieces():
    for path in sorted(SOURCE.rglob("*.sql")):
        yield path.relative_to(SOURCE), re.sub(r"--[^\n]*", "", path.read_text("utf-8"))
    for path in sorted(SOURCE.rglob("*.py")):
        if "tests" not in path.parts and {"store", "database", "access"} & set(path.parts):
            yield from ((path.relative_to(SOURCE), text) for text in _statements(path.read_text("utf-8")))


def _statements(code):
    tree = ast.parse(code)
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = {ast.get_docstring(node, clean=False) for node in ast.walk(tree) if isinstance(node, documented)}
    inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            text = "".join(part.value if isinstance(part, ast.Constant) else "x" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside:
            text = node.value
        else:
            continue
        if STATEMENT.search(text) and text not in docstrings:
            yield text


def unlisted(kind, pattern, own):
    return sorted(
        {
            f"{kind} {match[1]} ({path})"
            for path, text in pieces()
            for match in re.finditer(pattern, text)
            if match[1].lower() not in own and match[1] not in LISTED and match[1].lower() not in LISTED
        }
    )


@pytest.fixture(scope="module")
def own():
    """What our own SQL makes: tables, types, functions, columns before a parenthesis."""
    made = re.compile(
        r"(?:CREATE (?:OR REPLACE |UNLOGGED |UNIQUE )?(?:TABLE|TYPE|FUNCTION|SEQUENCE|INDEX)(?: IF NOT EXISTS)?|"
        r"INSERT INTO|\bAS|\bCOPY|WITH|,) (\w+) ?(?:\(|AS)"
    )
    return {match[1].lower() for _, text in pieces() for match in made.finditer(text)} | GRAMMAR


def test_functions(own):
    assert unlisted("function", r"\b([a-z_][a-z0-9_]*) ?\(", own) == []


def test_types(own):
    assert unlisted("type", r"::(\w+(?:\[\])?)", {f"{name}[]" for name in own} | own) == []


@pytest.mark.parametrize("clause", CLAUSES)
def test_clauses(clause):
    found = sorted({str(path) for path, text in pieces() if re.search(CLAUSES[clause], text)})
    assert not found or clause in LISTED, f"{clause} in {found}"


def test_the_scan_sees_what_it_should():
    text = "\n".join(text for _, text in pieces())
    for known in (
        "pg_advisory_xact_lock(",
        "gin_clean_pending_list(",
        "most_common_elems",
        "SKIP LOCKED",
        "record_commit(",
    ):
        assert known in text
