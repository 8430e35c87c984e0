"""What we measure and against whom. Each `python -m benchmarks.<name>` prints a table and can write JSON.

Nothing here is imported by the product. `README.md` explains each command.
"""
