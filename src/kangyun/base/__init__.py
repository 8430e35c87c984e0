"""What every layer may use: errors, texts, clock, ids, settings, units, cryptography, logging. No FHIR, no I/O."""
