"""`kangyun gateway`: the small program on a hospital's front-end machine (前置机) that reads there and sends here.

It reads tables and views, middle tables and files (`sources`), writes what it read into a queue on disk in the same
transaction that moves its reading position (`queue`), and sends that to the centre over HTTPS (`centre`), or writes it
as signed files for a data diode (`batches`). Nobody calls it: all connections go outward.

It maps nothing: the centre does (ADR 31); the formats are here for `trying` only. It imports `base` and the formats,
and nothing of the centre's layers, so that it can be installed alone. ADR 32, ADR 37.
"""
