"""Linking a whole city in a batch, ours and Splink alone."""
