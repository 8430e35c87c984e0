"""The pytest plugin with the fixtures. No package imports it."""
