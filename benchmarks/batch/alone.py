"""Splink alone, as its documentation begins: its own comparisons of the same fields, learnt on the rows, its clusters.

The same file, the same keys with the same limit, and the same hard rule (two different identity card numbers).
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import splink.comparison_library as comparisons
from splink import DuckDBAPI, Linker, block_on

from kangyun.identity.batch.engine import MEMORY

FIELDS = ("name", "birth_date", "sex", "any_number", "phone", "address")
COMPARISONS = (
    comparisons.NameComparison("name").configure(term_frequency_adjustments=True),
    comparisons.DateOfBirthComparison("birth_date", input_is_string=True, datetime_format="%Y%m%d"),
    comparisons.ExactMatch("sex"),
    comparisons.LevenshteinAtThresholds("any_number", [1]),
    comparisons.LevenshteinAtThresholds("phone", [1]).configure(term_frequency_adjustments=True),
    comparisons.JaroWinklerAtThresholds("address", [0.9, 0.7]),
)
APART = "len(l.numbers) > 0 and len(r.numbers) > 0 and not list_has_any(l.numbers, r.numbers)"
CLUSTER_AT = 0.95


def link(file: Path, *, most: int, cores: int, prior: float, least: float, tell: Callable[[str], None]) -> list[int]:
    """Returns for each registration a number of its cluster."""
    connection = duckdb.connect()
    connection.execute(f"SET threads = {cores}")
    connection.execute(f"SET memory_limit = '{MEMORY}'")
    tell("loading")
    _load(connection, file, most)
    settings = {
        "link_type": "dedupe_only",
        "probability_two_random_records_match": prior,
        "retain_matching_columns": False,
        "blocking_rules_to_generate_predictions": [
            {"blocking_rule": f"l.keys = r.keys and not ({APART})", "arrays_to_explode": ["keys"]}
        ],
        "comparisons": [one.get_comparison("duckdb").as_dict() for one in COMPARISONS],
    }
    api = DuckDBAPI(connection=connection)
    linker = Linker(api.register("person"), settings, log_level=None)
    tell("learning u")
    linker.training.estimate_u_using_random_sampling(max_pairs=1e6, seed=1)
    tell("learning m")
    for rule in (block_on("any_number"), block_on("name", "birth_date")):
        linker.training.estimate_parameters_using_expectation_maximisation(rule)
    tell("blocking and scoring")
    scored = linker.inference.predict(threshold_match_probability=least, warning_mode="never")
    tell("clusters")
    clusters = linker.clustering.cluster_pairwise_predictions_at_threshold(scored, CLUSTER_AT).physical_name
    query = f"SELECT cluster_id FROM {clusters} ORDER BY unique_id"
    found: list[int] = connection.sql(query).to_arrow_table()["cluster_id"].to_pylist()
    tell("")
    return found


def _load(connection: Any, file: Path, most: int) -> None:
    """Makes a table of the first value of each field, with the keys that 2 to `most` registrations have."""
    first = ", ".join(f"fields ->> '$.{name}[0]' AS {name}" for name in FIELDS)
    connection.execute(f"""
        CREATE TABLE person AS
        WITH spread AS (SELECT unique_id, unnest(keys) AS key FROM read_parquet('{file}')),
        counted AS (SELECT key FROM spread GROUP BY key HAVING count(*) BETWEEN 2 AND {most}),
        kept AS (SELECT unique_id, list(key) AS keys FROM spread JOIN counted USING (key) GROUP BY unique_id)
        SELECT r.unique_id, r.numbers, coalesce(k.keys, []) AS keys, {first}
        FROM (SELECT unique_id, numbers, fields::JSON AS fields FROM read_parquet('{file}')) AS r
        LEFT JOIN kept AS k USING (unique_id)
    """)
