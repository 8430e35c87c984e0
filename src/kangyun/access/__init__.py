"""Who may, why, and what was done. `Record` is the only door to the store."""
