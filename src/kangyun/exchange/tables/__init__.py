"""Tables that hospitals already produce, read as they are and made FHIR: CSV, DBF and workbooks, by mapping files.

`reading` gives rows of text with their numbers, `values` what a cell says, `recognition` which table a header is of,
`mapping` the language that says what a table becomes (the files in `mappings`), `converting` entries and refusals.

Pure: bytes in, entries and refusals out, one row at a time, so that it also runs on a hospital's front-end machine. It
knows no database, no network and no clock, and it keeps no state between rows: what is newer, or came twice, is for
who stores. Sources of the tables: data/SOURCE.md. ADR 30.
"""
