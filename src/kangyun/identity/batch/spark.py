"""The same batch on Spark, for a province: the same settings, the same levels, computed where the pairs are.

Every worker needs this package, and reads the file. Nothing is dropped before Splink scores: where memory is many
machines' that is simpler than passing values around.
Source: https://moj-analytical-services.github.io/splink/topic_guides/splink_fundamentals/backends/backends.html
"""

from functools import cache, lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from kangyun.identity import rules
from kangyun.identity.batch.exporting import FIELDS, SURE
from kangyun.identity.batch.levels import Comparing
from kangyun.identity.batch.model import KEYS, ROW, Model, function_name
from kangyun.identity.batch.pairs import Found, Tell, frequencies, pairs_of, selected, sharing, untold

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def find(session: "SparkSession", file: Path, model: Model, *, most: int, tell: Tell = untold) -> Found:
    """Finds pairs among the registrations of a file, as `engine.find` does."""
    from splink import Linker, SparkAPI

    tell("blocking")
    session.read.parquet(str(file)).createOrReplaceTempView("wide")
    left_out = session.sql(_OFTEN.format(most=most)).count()
    session.sql(_REGISTRATIONS.format(most=most)).createOrReplaceTempView("registration")
    for place in range(len(model.schema.comparison)):
        session.udf.register(function_name(place), partial(level, place), "tinyint")
    # Persisted, since a folder for checkpoints would have to be one that all workers write to.
    api = SparkAPI(  # type: ignore[no-untyped-call]
        spark_session=session, break_lineage_method="persist", register_udfs_automatically=False
    )
    linker = Linker(api.register(session.table("registration")), model.settings("spark"), log_level=None)
    tell("scoring")
    blocked = session.table(linker.inference.compute_blocked_pairs_for_predict().physical_name).count()
    table = pq.read_table(file, columns=[SURE, *(one.column for one in model.moved)])
    for column, lookup in frequencies(model, table):
        known = session.createDataFrame(lookup)
        linker.table_management.register_term_frequency_lookup(api.register(known), column)
    scored = linker.inference.predict(threshold_match_probability=model.least, warning_mode="never").physical_name
    pairs = pairs_of(model, session.sql(f"SELECT {selected(model)} FROM {scored}").toArrow())
    return Found(pairs, sharing(table, SURE, most), blocked, blocked, left_out)


@lru_cache(1 << 16)
def level(place: int, left: str, right: str) -> int:
    """Returns the level of two values of a comparison, -1 where all is missing."""
    (found,) = _comparing().levels(place, [left], [right])
    return found if found < _MISSING else -1


@cache
def _comparing() -> Comparing:
    return Comparing(rules.schema(), rules.AT_HAND)


_MISSING = 0xFF
_COUNTED = f"SELECT key, count(*) AS n FROM (SELECT explode({KEYS}) AS key FROM wide) GROUP BY key"
_OFTEN = f"SELECT key FROM ({_COUNTED}) WHERE n > {{most}}"
_REGISTRATIONS = f"""
WITH spread AS (SELECT {ROW}, explode({KEYS}) AS key FROM wide),
kept AS (
    SELECT s.{ROW}, collect_list(s.key) AS {KEYS}
    FROM spread AS s JOIN ({_COUNTED}) AS c ON c.key = s.key AND c.n BETWEEN 2 AND {{most}} GROUP BY s.{ROW}
)
SELECT w.*, coalesce(k.{KEYS}, array()) AS {KEYS} FROM (SELECT * EXCEPT ({KEYS}, {SURE}, {FIELDS}) FROM wide) AS w
LEFT JOIN kept AS k ON k.{ROW} = w.{ROW}
"""
