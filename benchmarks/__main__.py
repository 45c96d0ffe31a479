"""`python -m benchmarks NAME`."""

import argparse
import importlib

NAMES = ("overhead", "engine", "detection", "accuracy", "find", "gallery", "gallery_large")

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("name", choices=NAMES)
    importlib.import_module(f"benchmarks.{parser.parse_args().name}").main()
