"""Search parameters compiled from their expressions, and search queries read into terms. No database.

`parameters(type)` gives what can be searched, `compile_extractor` a function that reads all of it from a resource.

Source: https://hl7.org/fhir/R4/search.html
"""
