"""As `gallery`, of a million faces: PostgreSQL takes about ten minutes to index them on two cores."""

from benchmarks.gallery import measure

SIZES = ((1_000_000, 128),)


def main() -> None:
    """Print the tables."""
    measure(SIZES)
