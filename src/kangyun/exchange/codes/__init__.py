"""The mapping desk: how often an institution uses which code, what it may stand for, lists out and in, decisions.

`normalising` and `suggesting` are pure; `shipped` reads what comes with the platform; `desk` asks and writes by
`access.codes`, where proposals and decisions live; `sheets` are the workbooks. Nothing here is about a resident.
"""
