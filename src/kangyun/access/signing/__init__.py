"""Signatures on what stands in the record, by the certificates of those who answer for it.

`documents` says what is signed (pure), `register` whom the installation believes and whose a certificate is, `verdicts`
whether a signature holds. `server` and `time_stamps` reach signature and time-stamp servers by HTTP. The operations are
`access.operations.sign` and `verify_signature`.
"""
