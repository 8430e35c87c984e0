"""The audit trail as FHIR shows it: its rows as AuditEvents, to search, to read, and to add to from elsewhere.

`words` says what an action is in FHIR's terms, `showing` makes an AuditEvent of a row, `asking` conditions of a search,
`rows` reads, `rights` says who may. `receiving` takes what happened elsewhere, `looks` tells a resident in sentences.
AuditEvents are no resources of the record: they have no versions, and nothing changes or removes one.

Source: https://hl7.org/fhir/R4/auditevent.html; the form follows IHE BALP 1.1 (Basic Audit Log Patterns).
"""
