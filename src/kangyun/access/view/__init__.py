"""What the console shows of a resident, lean: found by what people type, the first view, and each part as it is opened.

All of it is read as the actor sees it and is shown it (masked until opened), with an audit row for each part. Words are
the record's; what a page says itself (states, kinds of visits) goes out as codes. It is no FHIR, and no second copy.
"""
