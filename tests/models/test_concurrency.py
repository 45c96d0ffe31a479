"""Threads get the serial answers, and each model is built once; without the lanes the same work fails."""

import json
import os
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parents[2]


def mixed(*arguments, **environment):
    command = [sys.executable, "-m", "tests.models.mixed", *arguments]
    environment = os.environ | environment
    return subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)


def test_two_hundred_mixed_requests_from_eight_threads_get_the_serial_answers():
    result = mixed("--requests", "200")
    assert result.returncode == 0, result.stdout + result.stderr
    report = json.loads(result.stdout.splitlines()[-1])
    assert (report["requests"], report["differing"], report["built_too_often"]) == (200, 0, {})
    assert {"Dlib", "Facenet512", "dlib", "opencv", "ssd"} <= set(report["built"])


def test_the_same_requests_to_deepface_without_lanes_fail(tmp_path):
    # It crashes in most runs, leaving its files behind, and answers wrongly in the others.
    assert mixed("--requests", "200", "--unguarded", TMPDIR=str(tmp_path)).returncode != 0
