"""What institutions send, taken into the record: through the gate, as the institution's own, each record whole or not.

So far a file at a time; `docs/adr/0031` says what is to come. What a format makes of a file it does not know.
"""
