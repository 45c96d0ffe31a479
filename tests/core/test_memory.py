import os
from pathlib import Path

import numpy as np

from core.process import release_unused


def resident_bytes():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_what_was_freed_between_things_in_use_is_given_back():
    before = resident_bytes()
    blocks = [np.ones(2048, np.uint8) for _ in range(50_000)]
    in_use = blocks[::100]
    del blocks
    release_unused()
    assert resident_bytes() - before < 30e6
    assert len(in_use) == 500
