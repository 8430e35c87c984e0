"""`GET /fhir/$overview`: all figures of the first page in one answer, of a region, or an institution's own.

What it costs does not grow with the record: sums that are kept, estimates of the server, rows of a day
(`figures.toml` says which is which). No figure is of a person. Answers are kept for `FRESH` seconds.
"""

from kangyun.web.overview.desk import NAME, OverviewDesk

__all__ = ["NAME", "OverviewDesk"]
