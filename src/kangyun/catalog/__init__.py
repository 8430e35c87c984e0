"""Finds the apps and checks their declarations."""
