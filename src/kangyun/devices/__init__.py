"""Telemetry: what devices and people at home measure, from the wire to the record and to whoever must hear of it."""
