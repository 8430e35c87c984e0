"""Apps for secondary use (purpose HRESCH). Each is one folder."""
