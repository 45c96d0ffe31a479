"""Threads get the serial answers, and each model is built once; without the lanes the same work fails."""

import json
import os
import subprocess
import sys

import cv2

from services.deepface.engine import DeepFaceEngine
from services.deepface.interface import Detection
from services.models.weights import Weights
from tests.conftest import PROJECT
from tests.models.conftest import needs_shared
from tests.models.labelled import SHARED


def mixed(*arguments, **environment):
    command = [sys.executable, "-m", "tests.models.mixed", *arguments]
    environment = os.environ | environment
    return subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)


def test_two_hundred_mixed_requests_from_eight_threads_get_the_serial_answers():
    result = mixed("--requests", "200")
    assert result.returncode == 0, result.stdout + result.stderr
    report = json.loads(result.stdout.splitlines()[-1])
    assert (report["requests"], report["differing"], report["built_too_often"]) == (200, 0, {})
    detectors = {"dlib", "opencv", "ssd", *(("yunet",) if SHARED.is_dir() else ())}
    assert set(report["built"]) == {"Dlib", "Facenet512", "Emotion"} | detectors


@needs_shared
def test_a_photo_of_six_people_gives_the_same_answer_every_time(deepface_home):
    engine = DeepFaceEngine(Weights(deepface_home), lanes=1, cores=2)
    pixels = cv2.imread(str(SHARED / "faces" / "annotated" / "015_6.jpg"))
    scale = 640 / max(pixels.shape[:2])
    pixels = cv2.resize(pixels, None, fx=scale, fy=scale)
    answers = {tuple(face.area for face in engine.detect(pixels, Detection(detector="opencv"))) for _ in range(20)}
    assert len(answers) == 1
    assert len(answers.pop()) >= 6


def test_the_same_requests_to_deepface_without_lanes_fail(tmp_path):
    # It crashes in most runs, leaving its files behind, and answers wrongly or builds models twice in the others.
    result = mixed("--requests", "20", "--unguarded", TMPDIR=str(tmp_path))
    assert result.returncode != 0
    assert "ImportError" not in result.stderr
    assert "ModuleNotFoundError" not in result.stderr
