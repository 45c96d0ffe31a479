"""`python -m benchmarks overhead` or `python -m benchmarks engine`."""

import argparse

from benchmarks import engine, overhead

BENCHMARKS = {"overhead": overhead.main, "engine": engine.main}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("name", choices=BENCHMARKS)
    BENCHMARKS[parser.parse_args().name]()
