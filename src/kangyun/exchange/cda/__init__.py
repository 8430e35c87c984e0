"""Documents of CDA R2: WS/T 500 and WS/T 483 read and written, C-CDA read.

`parsing` makes a tree of bytes, `reading` a tree entries, `writing` resources a document, `checking` holds a document
against our rules, `catalogue` says what kinds there are. These are pure: bytes and resources in and out, no database,
network or clock. `gathering` alone asks the record, through the gate, for what a document is written of.

What is known of the two Chinese standards came from public programs, never from their text (data/SOURCE.md): what was
not found is left out. ADR 30, ADR 33.

Source: HL7 CDA R2, https://www.hl7.org/implement/standards/product_brief.cfm?product_id=7
"""
