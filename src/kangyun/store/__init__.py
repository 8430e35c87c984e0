"""The record on PostgreSQL: resources, versions, index, search, history and the change feed."""
