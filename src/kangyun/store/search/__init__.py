"""Searches: a tree of tests compiled to SQL, a plan chosen by us, pages by signed cursors.

docs/search.md holds the table of what each test becomes and the reasons for the plans.
"""
