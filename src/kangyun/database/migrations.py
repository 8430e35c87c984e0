"""Brings a database to the schema that this code needs.

Each layer keeps its own numbered files in `sql/migrations/`, in pairs: `0003_name.pre.sql` expands (it runs before the
new code serves, and the code of the version before must go on working on it), `0003_name.post.sql` contracts (it runs
only when no process of the version before is left). A layer's migrations run in order, each in one transaction;
the layers run from the lowest to the highest.

`sql/functions.sql`, where a layer has one, holds only CREATE OR REPLACE and runs again whenever it has changed. A
function whose parameters change gets a new name, so that the version before finds its own.

Source of the pattern: expand and contract, https://martinfowler.com/bliki/ParallelChange.html
"""

import hashlib
from dataclasses import dataclass
from importlib.resources import files
from typing import Literal

import asyncpg

Phase = Literal["pre", "post"]
# One number for all installers of schemas, so that two processes that start at once migrate one after the other.
MIGRATION_LOCK = 0x6B61_6E67

BOOKKEEPING = """
CREATE TABLE IF NOT EXISTS migration (
    package text NOT NULL,
    name text NOT NULL,
    phase text NOT NULL,
    applied timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (package, name, phase)
)
"""


@dataclass(frozen=True)
class Migration:
    """One file: `package` is dotted below `kangyun`, `name` without its phase."""

    package: str
    name: str
    phase: Phase
    sql: str


def migrations_of(package: str) -> list[Migration]:
    """Returns a package's migrations, in order, the `pre` of each before its `post`."""
    folder = files("kangyun").joinpath(*package.split("."), "sql")
    found = []
    for entry in folder.joinpath("migrations").iterdir():
        if not entry.name.endswith(".sql"):
            continue
        name, phase, _ = entry.name.rsplit(".", 2)
        found.append(Migration(package, name, "pre" if phase == "pre" else "post", entry.read_text("utf-8")))
    found.sort(key=lambda migration: (migration.name, migration.phase == "post"))
    functions = folder.joinpath("functions.sql")
    if functions.is_file():
        text = functions.read_text("utf-8")
        found.append(Migration(package, f"functions-{hashlib.sha256(text.encode()).hexdigest()[:12]}", "pre", text))
    return found


async def migrate(
    connection: asyncpg.Connection, packages: list[str], phases: tuple[Phase, ...] = ("pre", "post")
) -> list[Migration]:
    """Applies what is missing and returns it. `packages` stand from the lowest layer to the highest.

    `phases` is ("pre",) while processes of the version before still run.
    """
    await connection.execute("SELECT pg_advisory_lock($1)", MIGRATION_LOCK)
    try:
        await connection.execute(BOOKKEEPING)
        done = {tuple(row) for row in await connection.fetch("SELECT package, name, phase FROM migration")}
        wanted = [
            migration
            for package in packages
            for migration in migrations_of(package)
            if migration.phase in phases and (migration.package, migration.name, migration.phase) not in done
        ]
        for migration in wanted:
            async with connection.transaction():
                await connection.execute(migration.sql)
                await connection.execute(
                    "INSERT INTO migration (package, name, phase) VALUES ($1, $2, $3)",
                    migration.package,
                    migration.name,
                    migration.phase,
                )
        return wanted
    finally:
        await connection.execute("SELECT pg_advisory_unlock($1)", MIGRATION_LOCK)
