"""Asks the running service about two sample photos: a true pair, a false pair, a found face.

The photos come inside Python packages: Eileen Collins (scikit-image) and Grace Hopper (matplotlib). Their variations
are what happens to photos in practice: another crop, another light, a tilted camera, a smaller and lossier file.
"""

import argparse
import base64
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import matplotlib
import numpy as np
import numpy.typing as npt
import requests
import skimage

Pixels = npt.NDArray[np.uint8]

READY_TIMEOUT_S = 300  # a worker may have to load, or even fetch, its models
START_TIMEOUT_S = 20  # until a service that was just started listens


def main() -> None:
    """Make the folder of photos, and print what the service says of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="http://localhost:5000", help="where the service listens")
    parser.add_argument("--folder", type=Path, default=Path("faces_db"), help="the service's FACES_DB_PATH")
    options = parser.parse_args()

    wait_until_ready(options.url)
    astronaut = read(Path(skimage.__file__).parent / "data" / "astronaut.png")
    hopper = read(Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg")
    for person, picture in (("astronaut", astronaut), ("hopper", hopper)):
        for name, variation in variations(picture):
            write(options.folder / person / f"{name}.jpg", variation)
    print(f"Wrote 8 photos of 2 people to {options.folder}")

    tilted = dict(variations(astronaut))["tilted"]
    verify(options.url, "Two photos of the astronaut", astronaut, tilted)
    verify(options.url, "The astronaut and Grace Hopper", astronaut, hopper)
    answer = ask(options.url, "find", img=encoded(astronaut), refresh="wait")
    found = [row for row in answer["result"][0] if row["person"] == "astronaut"]
    if not found:
        sys.exit(
            f"The service searches another folder than {options.folder}. Name the folder of its FACES_DB_PATH: --folder"
        )
    for row in found:
        print(f"Find: found {row['identity']} at distance {row['distance']:.4f} (threshold {row['threshold']})")


def wait_until_ready(url: str) -> None:
    """Return when the service is ready, and print what it waits for; end the program if nothing answers in time."""
    started, said = time.monotonic(), ""
    while True:
        waited_s = time.monotonic() - started
        try:
            answer = requests.get(f"{url}/ready", timeout=10)
        except requests.ConnectionError:
            if waited_s > START_TIMEOUT_S:
                sys.exit(f"Nothing answers at {url}. Start the service first: make run")
            message = f"Nothing answers at {url} yet."
        else:
            if answer.status_code == requests.codes.ok:
                return
            message = answer.json()["message"]
            if answer.json()["error_code"] != "model_loading" or waited_s > READY_TIMEOUT_S:
                sys.exit(f"The service is not ready: {message}")
        if message != said:
            print(f"Waiting: {message}", flush=True)
            said = message
        time.sleep(1)


def variations(picture: Pixels) -> Iterator[tuple[str, Pixels]]:
    """The picture as it might come from elsewhere, each with a name."""
    height, width = picture.shape[:2]
    yield "cropped", picture[: height * 8 // 10, width // 10 : width * 9 // 10]
    yield "darker", np.asarray(cv2.convertScaleAbs(picture, alpha=0.75, beta=10), np.uint8)
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), 7, 1)
    yield "tilted", np.asarray(cv2.warpAffine(picture, turn, (width, height)), np.uint8)
    yield "smaller", np.asarray(cv2.resize(picture, None, fx=0.7, fy=0.7, interpolation=cv2.INTER_AREA), np.uint8)


def verify(url: str, title: str, first: Pixels, second: Pixels) -> None:
    """Print whether the service takes two pictures for the same person."""
    answer = ask(url, "verify", img1=encoded(first), img2=encoded(second))
    verdict = "same person" if answer["verified"] else "different people"
    print(f"Verify: {title}: {verdict}, distance {answer['distance']:.4f} (threshold {answer['threshold']})")


def ask(url: str, route: str, **body: str) -> dict[str, Any]:
    """The answer of an endpoint; ends the program with the service's message if it is an error."""
    response = requests.post(f"{url}/{route}", json=body, timeout=60)
    answer: dict[str, Any] = response.json()
    if response.status_code != requests.codes.ok:
        sys.exit(f"{route}: {answer['message']}")
    return answer


def read(path: Path) -> Pixels:
    """A picture of a file."""
    return np.asarray(cv2.imread(str(path)), np.uint8)


def jpeg(picture: Pixels) -> bytes:
    """A picture as a rather lossy JPEG."""
    return np.asarray(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 60])[1], np.uint8).tobytes()


def write(path: Path, picture: Pixels) -> None:
    """Write a picture as JPEG; the folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(jpeg(picture))


def encoded(picture: Pixels) -> str:
    """A picture as base64 of a JPEG."""
    return base64.b64encode(jpeg(picture)).decode()


if __name__ == "__main__":
    main()
