"""Views over the record: SQL on FHIR, indicators, releases. Empty until its own issue."""
