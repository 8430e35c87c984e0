"""HL7 v2 as hospitals send it, versions 2.3 to 2.5.1: framed, split, mapped, acknowledged, listened for.

`framing`, `batches` and `splitting` turn bytes into messages, `mapping` messages into entries, `acknowledging` answers
in the sender's words, `listening` is the only module with I/O. It knows no database: what is stored, and whether it
came before, is for whoever is given to the listener.

Source: HL7 v2.3 to v2.5.1, https://www.hl7.org/implement/standards/product_brief.cfm?product_id=144
"""
