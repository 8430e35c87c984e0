"""The audit trail's seal: whoever changes, removes, inserts or reorders a row can be found out, and where.

`chain` says what a seal is, `sealing` makes them as rows come, `verifying` looks whether they still hold. The newest
seal leaves the database now and then (`roots`): who can write to the database could seal all of it anew.
"""
