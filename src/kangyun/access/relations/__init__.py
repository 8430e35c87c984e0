"""Reasons to see a resident: relations that follow from the record, and those that somebody states.

Each becomes rows of `disclosure`, which the gate asks in every statement. How long one lasts, who may have it and what
it opens is the policy's (`grounds`).
"""
