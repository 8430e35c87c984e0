"""Instants: aware, in UTC, and written as FHIR writes them. The only place that reads the wall clock."""

from datetime import UTC, datetime


def now() -> datetime:
    """Returns the present instant, aware, in UTC."""
    return datetime.now(UTC)


def instant(moment: datetime) -> str:
    """Returns a FHIR instant in UTC with milliseconds: 2026-11-21T08:12:00.250Z."""
    # isoformat takes a tenth of strftime's time.
    return moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
