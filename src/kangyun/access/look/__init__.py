"""The doctor's look from inside another system (诊间调阅): tickets, the sessions that they open, and what is shown.

A hospital's server draws a ticket by one signed call; the doctor's browser opens one page with it, about one resident.
It opens no record by itself: what is seen follows from the grounds of `access.relations`.
"""
