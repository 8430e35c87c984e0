"""Applications of others: the register of them, and how much each may ask."""
