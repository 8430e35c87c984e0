"""Numbers that people and institutions of China carry: read, checked, made. Pure.

`resident_id` is the 18 characters of GB 11643 and what has their form, `documents` all other papers and cards of a
person, `phones` telephones, `credit_code` institutions, `fillers` what people write where there is no number. Nothing
here says whose a number is: see `kangyun.identity.registration`.
"""
