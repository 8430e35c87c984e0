"""Kangyun (康云): one record, one gate, many small apps. See docs/architecture.md."""
