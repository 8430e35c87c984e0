"""A port of the public HealthSamurai workloads: prewarm, crud, import, search.

Ported from a description of the workloads, not from their code. The numbers of users and seconds are theirs unless
options say otherwise. Differences: the nine CRUD resources are ours, and so are the bundles (Synthea, see `corpus`);
the search list is the original's. Run as `python -m benchmarks.public`.
"""
