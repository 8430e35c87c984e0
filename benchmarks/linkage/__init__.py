"""Record linkage against published sets of which the truth is known."""
