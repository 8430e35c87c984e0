"""Telemetry from devices. Empty until its own issue."""
