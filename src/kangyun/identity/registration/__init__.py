"""What a registration says of a person, as rules: read, normalised, compared. Pure: no database, no clock, no store.

`reading` takes a Patient to fields and finds what contradicts itself; `names`, `pinyin`, `characters`, `surnames` and
`addresses` understand Chinese names and addresses, `identifiers` knows the kinds of numbers; `comparing` grades two
values for linkage; `contradicting` says whether two registrations under one number can be one person; `keys` gives what
a registration is looked up by. Who is one person is decided elsewhere (`kangyun.identity`).
"""
