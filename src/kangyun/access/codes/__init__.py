"""Which codes stand beside which: an institution's own, the clinical edition (国临), the insurance edition (医保), a
regional list. None replaces another.

`table` keeps proposals and decisions, `codings` adds the codings that were decided to what is written, `applying` to
what is stored, `counting` counts how often a code is used. Who works at it is `exchange.codes`. Decision: ADR 35.
"""
