"""Samples, chunks and charts, and what of them becomes Observations (ADR 38; docs/devices/series.md)."""
