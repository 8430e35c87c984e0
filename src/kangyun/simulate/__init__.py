"""A synthetic district: residents, institutions and what they write. Deterministic by seed."""
