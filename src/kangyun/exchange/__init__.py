"""How others speak: one folder a format, in and out."""
