"""Measurements: `python -m benchmarks NAME`. Each compares in one run, and prints medians and ratios."""
