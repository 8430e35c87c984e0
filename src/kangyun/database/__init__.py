"""The pool, the embedded server, migrations, leases and jobs. Any layer above base may use it; it knows no FHIR."""
