"""A resident's record in short: the International Patient Summary as a FHIR document, and the same as a PDF on paper.

`making` chooses and orders (pure), `words` says each entry in a line (pure), `document` makes the Bundle (pure),
`paper` draws the PDF, `operations` reads the record and answers. Nothing is stored. What is closed to who asks is not
in it, and the summary says which labels that concerns.

Source: International Patient Summary Implementation Guide 2.0.0 (STU 2), https://hl7.org/fhir/uv/ips/; see
`data/SOURCE.md` for what was taken, and docs/summary.md for what is not claimed.
"""
