"""Corpora of any size for imports, made of Synthea patients by copying them with new identities.

`base` reads the patients, `institutions` takes hospitals and staff out of their bundles, `template` turns a patient
into something that can be copied in a fraction of a millisecond, `writer` writes the stages. Run as
`python -m benchmarks.corpus`.
"""
