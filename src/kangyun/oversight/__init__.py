"""Apps about many (purposes HPAYMT, PUBHLTH). Each is one folder."""
