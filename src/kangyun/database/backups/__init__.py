"""Backups of a PostgreSQL cluster on a medium that never sees plain text: base copies, the log as it grows, and back.

`sealing` is the form of a file, `medium` the folder and what it says of itself, `base` takes a copy, `archiving`
follows the log, `unpacking` brings both back. What the record's meaning asks after a restore (epoch, trail, ledger)
is `kangyun.access.recovery`. Not a tool for other databases, and no copy of the root key.

Source: PostgreSQL 18, chapter 25 (continuous archiving and point-in-time recovery).
"""
