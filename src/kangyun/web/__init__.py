"""HTTP: the FHIR REST API, operations, sign-in. One place makes an error response."""
