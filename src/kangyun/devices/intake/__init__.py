"""Takes in what devices sent: from the log into samples, warnings and alarms, each group in one transaction.

It judges nothing itself and knows no format: `formats`, `register`, `series`, `signals` and `alarms` are asked, a group
at a time. docs/devices/log.md says what is promised and how it is measured.
"""
