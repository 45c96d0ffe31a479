"""`python -m docs.pictures` draws the pictures of the documents into `docs/images/`.

The plots show what `python -m benchmarks figures` and `confidence` measured; the pair is verified anew.
"""

import json
import time
from collections.abc import Iterable
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cv2
import matplotlib as mpl
import numpy as np
import requests
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle

from api.cli.demo.photos import variations
from core.process import prepare_process
from core.settings import Settings

IMAGES = Path(__file__).parent / "images"
BLUE, ORANGE, GREEN, GREY, PALE = "#1f5fa8", "#c8550a", "#2e7d32", "#555555", "#eef3f9"

Box = tuple[float, float, float, float]  # left, bottom, width, height


def main() -> None:
    """Draw every picture."""
    mpl.rcParams |= {
        "font.size": 10,
        "svg.hashsalt": "face-service",
        "axes.spines.top": False,
        "axes.spines.right": False,
    }
    draw_architecture()
    draw_gallery()
    draw_errors(**_measured("errors"))
    draw_confidence(**_measured("confidence"))
    draw_requests(**_measured("requests"))
    draw_searches(**_measured("searches"))
    draw_pair()


def draw_architecture() -> None:
    """Draw the way of a request, and where the data is."""
    figure, axes = _canvas(10, 4.4)
    boxes: dict[str, tuple[str, Box]] = {
        "client": ("client", (0.0, 2.1, 1.1, 0.9)),
        "nginx": ("nginx\nTLS, slow clients", (1.7, 2.1, 1.6, 0.9)),
        "queue": ("keys, limits\nqueue", (4.2, 2.1, 1.3, 0.9)),
        "lanes": ("lanes\ndetect and crop", (6.0, 2.1, 1.8, 0.9)),
        "models": ("models\nembed in batches", (8.3, 2.1, 1.7, 0.9)),
        "index": ("index of the\nphoto folder", (4.2, 0.2, 1.5, 0.9)),
        "photos": ("photos\n(read only)", (1.7, 0.2, 1.6, 0.9)),
        "gallery": ("gallery, API keys, audit\nSQLite or PostgreSQL", (7.2, 0.2, 2.4, 0.9)),
    }
    axes.add_patch(FancyBboxPatch((4.0, 1.85), 6.2, 1.9, boxstyle="round,pad=0.05", fc="none", ec=GREY, ls="--"))
    axes.text(4.1, 3.5, "worker (one process of gunicorn)", color=GREY, va="center")
    _boxes(axes, boxes)
    for start, end in (
        ("client", "nginx"),
        ("nginx", "queue"),
        ("queue", "lanes"),
        ("lanes", "models"),
        ("photos", "index"),
    ):
        _arrow(axes, _right(boxes[start]), _left(boxes[end]))
    _arrow(axes, (8.6, 2.1), (5.3, 1.1), "find")
    _arrow(axes, (9.1, 2.1), (8.6, 1.1), "identify")
    _save(figure, "architecture.svg")


def draw_gallery() -> None:
    """Draw what happens when a person is registered, identified and forgotten."""
    figure, axes = _canvas(10, 4.4)
    rows = (
        ("register", BLUE, ("photo", "one face,\nquality", "embedding", "person and event\nin one commit")),
        ("identify", GREEN, ("another photo", "each face", "embedding", "nearest persons,\nthreshold, decision")),
        ("forget", ORANGE, ("person", "rows deleted", "bytes erased\nfrom the file", "receipt in the\naudit trail")),
    )
    for number, (name, colour, steps) in enumerate(rows):
        bottom = 3.1 - 1.5 * number
        axes.text(0, bottom + 0.45, name, color=colour, weight="bold", va="center")
        boxes = {step: (step, (1.2 + 2.3 * place, bottom, 1.8, 0.9)) for place, step in enumerate(steps)}
        _boxes(axes, boxes, colour)
        for start, end in pairwise(steps):
            _arrow(axes, _right(boxes[start]), _left(boxes[end]), colour=colour)
    _save(figure, "gallery.svg")


def draw_errors(*, model: str, pairs: int, curves: list[dict[str, Any]], **origin: str) -> None:
    """Draw false non-matches over false matches: DeepFace's search and crop dashed, the service's drawn through."""
    figure, axes = plt.subplots(figsize=(5.6, 4.4))
    colours = dict(zip(("yunet", "dlib", "opencv"), (BLUE, GREEN, ORANGE), strict=True))
    for curve in curves:
        ours = curve["alignment"] == "template"
        matched, missed = np.array(curve["rates"]).T
        axes.step(
            np.maximum(matched, 5e-4),
            np.maximum(missed, 2e-3),
            where="post",
            color=colours[curve["detector"]],
            ls="-" if ours else "--",
            label=f"{curve['detector']}, {'template' if ours else 'as DeepFace'}",
        )
    axes.set(xscale="log", yscale="log", xlim=(5e-4, 0.5), ylim=(2e-3, 1))
    axes.set(xlabel="strangers accepted", ylabel="pairs of one person refused")
    axes.set_title(f"{model}, {pairs:,} pairs: lower is better")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8, ncols=3, loc="upper center", bbox_to_anchor=(0.5, -0.13), frameon=False)
    _save(figure, "errors.svg")


def draw_confidence(
    *,
    model: str,
    metric: str,
    threshold: float,
    bins: list[float],
    same: list[int],
    strangers: list[int],
    distances: list[float],
    confidence: list[float],
    deepface: list[float],
    similarity: list[float],
    **origin: str,
) -> None:
    """Draw how the pairs of each kind spread over the distance, and what the answers say about a distance."""
    figure, (spread, meaning) = plt.subplots(2, 1, figsize=(5.6, 5.4), sharex=True, height_ratios=(2, 3))
    for counts, label, colour in ((same, "one person", BLUE), (strangers, "strangers", ORANGE)):
        shares = 100 * np.array(counts) / sum(counts)
        spread.stairs(shares, bins, fill=True, alpha=0.5, color=colour, label=f"{sum(counts):,} pairs: {label}")
    spread.set(ylabel="% of the pairs")
    spread.set_title(f"{model}, template, {metric}")
    for values, label, colour, style in (
        (confidence, "confidence (fitted)", BLUE, "-"),
        (deepface, "DeepFace's confidence", GREY, "--"),
        (similarity, "similarity x 100", GREEN, ":"),
    ):
        meaning.plot(distances, values, style, color=colour, label=label)
    meaning.set(xlabel="distance", ylabel="0 to 100", xlim=(0, distances[-1]))
    for axes in (spread, meaning):
        axes.axvline(threshold, color="black", lw=0.8, label=f"threshold {threshold}")
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8)
    _save(figure, "confidence.svg")


def draw_requests(*, rows: list[dict[str, Any]], **origin: Any) -> None:
    """Draw the requests per second of both services, with the 95th percentile of their times."""
    figure, axes = plt.subplots(figsize=(5.6, 4.4))
    places = np.arange(len(rows))
    for who, label, colour, offset in (
        ("service", "this service", BLUE, -0.2),
        ("deepface", "DeepFace's API", GREY, 0.2),
    ):
        bars = axes.bar(places + offset, [row[who]["per_second"] for row in rows], 0.38, color=colour, label=label)
        axes.bar_label(bars, [f"{row[who]['p95_ms']:,}\nms" for row in rows], fontsize=7, padding=1)
    axes.set_xticks(places, [str(row["clients"]) for row in rows])
    axes.set(xlabel="clients at once", ylabel="requests per second")
    axes.set_title("Above each bar: the 95th percentile of the times", fontsize=9)
    axes.margins(y=0.3)
    axes.legend(loc="upper left", ncols=2)
    _save(figure, "requests.svg")


def draw_searches(*, rows: list[dict[str, Any]], **origin: str) -> None:
    """Draw the time of a search over the size of the gallery, for both databases."""
    figure, axes = plt.subplots(figsize=(5.6, 3.8))
    places = np.arange(len(rows))
    for name, label, colour in (("sqlite_ms", "SQLite, exact", BLUE), ("postgresql_ms", "PostgreSQL, HNSW", ORANGE)):
        times = [row[name] for row in rows]
        axes.plot(places, times, "o-", color=colour, label=label)
        for place, milliseconds in zip(places, times, strict=True):
            axes.annotate(f"{milliseconds:g}", (place, milliseconds), (0, 7), textcoords="offset points", fontsize=8)
    axes.set_xticks(places, [f"{row['faces']:,}\nx {row['dimension']}" for row in rows])
    axes.set(yscale="log", ylim=(1, 100), xlabel="faces x numbers of an embedding", ylabel="milliseconds")
    ticks = (1, 2, 5, 10, 20, 50, 100)
    axes.set_yticks(ticks, [str(tick) for tick in ticks])
    axes.minorticks_off()
    axes.set_title("Median time of a search for 5 persons")
    axes.grid(alpha=0.3)
    axes.legend()
    _save(figure, "searches.svg")


def draw_pair() -> None:
    """Verify two photos, and draw the faces that were compared."""
    photos = dict(variations("hopper"))
    pair = photos["cropped"], photos["tilted"]
    answer = _verified(*pair)
    figure, both = plt.subplots(1, 2, figsize=(6, 4.2))
    for axes, jpeg, area in zip(both, pair, answer["facial_areas"].values(), strict=True):
        image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR_RGB)
        assert image is not None
        axes.imshow(image)
        axes.add_patch(Rectangle((area["x"], area["y"]), area["w"], area["h"], fill=False, ec="#00e676", lw=2))
        axes.axis("off")
    verdict = "one person" if answer["verified"] else "two persons"
    figure.suptitle(
        f"{verdict}: distance {answer['distance']:.4f}, threshold {answer['threshold']}", fontsize=11, y=0.9
    )
    _save(figure, "pair.png")


def _verified(one: bytes, two: bytes) -> dict[str, Any]:
    with TemporaryDirectory() as folder:
        home = Path(folder)
        settings = Settings(_env_file=None, model_preset="offline", data_path=home / "data", deepface_home=home)
        prepare_process(settings)
        from api.factory import create_app  # once the process is prepared

        client = create_app(settings).test_client()
        while client.get("/ready").status_code != requests.codes.ok:
            time.sleep(0.2)
        files = {"img1": (BytesIO(one), "1.jpg"), "img2": (BytesIO(two), "2.jpg")}
        answer: dict[str, Any] = client.post("/verify", data=files).get_json()
        assert answer["success"], answer["message"]
        return answer


def _measured(name: str) -> dict[str, Any]:
    measured: dict[str, Any] = json.loads((IMAGES / f"{name}.json").read_text())
    return measured


def _canvas(width: float, height: float) -> tuple[Figure, Axes]:
    figure, axes = plt.subplots(figsize=(width, height))
    axes.set(xlim=(-0.2, width + 0.3), ylim=(-0.1, height - 0.3))
    axes.axis("off")
    return figure, axes


def _boxes(axes: Axes, boxes: dict[str, tuple[str, Box]], colour: str = BLUE) -> None:
    for text, (left, bottom, width, height) in boxes.values():
        axes.add_patch(FancyBboxPatch((left, bottom), width, height, boxstyle="round,pad=0.04", fc=PALE, ec=colour))
        axes.text(left + width / 2, bottom + height / 2, text, ha="center", va="center", fontsize=9)


def _left(box: tuple[str, Box]) -> tuple[float, float]:
    left, bottom, _, height = box[1]
    return left - 0.05, bottom + height / 2


def _right(box: tuple[str, Box]) -> tuple[float, float]:
    left, bottom, width, height = box[1]
    return left + width + 0.05, bottom + height / 2


def _arrow(
    axes: Axes, start: tuple[float, float], end: tuple[float, float], text: str = "", colour: str = GREY
) -> None:
    axes.annotate("", xy=end, xytext=start, arrowprops={"arrowstyle": "->", "color": colour, "lw": 1.5})
    if text:
        middle = (start[0] + end[0]) / 2, (start[1] + end[1]) / 2
        white = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
        axes.text(*middle, text, color=colour, fontsize=9, ha="center", va="center", bbox=white)


def _save(figure: Figure, name: str) -> None:
    kept: dict[str, Iterable[Any] | None] = {"Date": None} if name.endswith(".svg") else {"Software": None}
    figure.savefig(IMAGES / name, bbox_inches="tight", dpi=110, facecolor="white", metadata=kept)
    plt.close(figure)


if __name__ == "__main__":
    main()
