"""Databases of the hospital, by way of Python's DB-API (PEP 249): what differs is `data/databases.toml`.

`opening` opens a connection by whichever driver is there, `dialects` writes the queries, `cells` makes texts of what a
driver gives. Drivers are no part of the gateway: which package or client is missing is said when it is needed.
"""
