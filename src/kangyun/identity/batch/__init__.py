"""The same weights over a whole city: Splink on DuckDB, or on Spark for a province, audits what the index decided.

`exporting` writes what registrations say as one Parquet file; `model` turns schema and weights into Splink's settings;
`levels` compares values by the online comparators, each pair of values once, in several processes; `engine` and `spark`
find and score pairs; `residents` makes residents of them by the online rules; `auditing` holds these against the links
that stand, and asks. Nothing here changes a link.

Needs the extra `batch` (Splink, which brings DuckDB); `spark` needs PySpark and Java besides.
Source: https://moj-analytical-services.github.io/splink/
"""
