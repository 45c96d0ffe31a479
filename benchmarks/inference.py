"""Whole requests on networks of real size: our service beside DeepFace's own API, on the same weights and photos."""

import sys

from benchmarks import inference_rows as rows
from benchmarks.inference_table import print_head
from benchmarks.networks import home_of_networks
from benchmarks.servers import machine
from services.models.weights import Weights

ROWS = {
    1: rows.verify_large,
    2: rows.verify,
    3: rows.represent_group,
    4: rows.represent,
    5: rows.analyze,
    6: rows.at_once,
    7: rows.memory,
    8: rows.processor,
    9: rows.start,
}


def main(only: tuple[int, ...] | None = None) -> None:
    """Print the table, or only these of its rows."""
    if not set(only or ()) <= set(ROWS):
        sys.exit(f"The rows are 1 to {max(ROWS)}.")
    print(machine())
    print(
        "DeepFace's own classes filled at random; but for one line age, gender and race share a planted trunk, the"
        "\nconvolutions of VGG-Face."
        f" Medians of {rows.REPETITIONS} taken in turn, over HTTP; an aim is of the ratio to one worker."
    )
    with home_of_networks() as home:
        Weights(home).install_packaged()
        if rows.SHARED.is_dir():
            for file in (rows.SHARED / "weights").iterdir():
                (home / ".deepface" / "weights" / file.name).symlink_to(file.resolve())
        print_head()
        for number in only or ROWS:
            ROWS[number](home)
