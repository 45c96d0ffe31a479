"""`python -m benchmarks NAME`: each is a module of this package."""

import argparse
import importlib

NAMES = (
    "overhead",
    "metrics",
    "engine",
    "detection",
    "accuracy",
    "quality",
    "confidence",
    "find",
    "gallery",
    "gallery_large",
    "inference",
    "runtime",
    "gpu",
    "figures",
    "moving",
)


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(","))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    names = parser.add_subparsers(dest="name", required=True)
    parsers = {name: names.add_parser(name) for name in NAMES}
    parsers["inference"].add_argument("--only", type=_numbers, help="rows of the table, by comma: 2,5")
    parsers["figures"].add_argument("figure", choices=("errors", "requests", "searches", "folders"))
    parsers["accuracy"].add_argument("--write", action="store_true", help="also write the tables into the documents")
    parsers["moving"].add_argument("--persons", type=int, default=5000, help="in CompreFace's database, an image each")
    arguments = vars(parser.parse_args())
    importlib.import_module(f"benchmarks.{arguments.pop('name')}").main(**arguments)
