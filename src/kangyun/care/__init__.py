"""Apps for one resident (purpose TREAT). Each is one folder."""
