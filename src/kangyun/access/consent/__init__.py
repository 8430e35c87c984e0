"""A resident's word: FHIR Consent compiled to what every statement asks, in the transaction that writes it.

`compiling` is pure; `rows` writes. Who may write a Consent is the policy's business.
"""
