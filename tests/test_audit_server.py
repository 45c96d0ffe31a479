"""The audit trail behind the real server: a killed worker's changes are sealed, and what SIGTERM finds waiting.

The decisions of a killed worker's last second are lost: no answer waits for the disk on their account.
"""

import os
import re
import signal
import time

import requests

from services.audit.store import AuditStore
from services.audit.trail import AuditService
from services.database.choice import make_database
from tests.serving import served, wait_for
from tests.test_gallery_server import post


def test_a_kill_loses_no_change_that_was_answered_and_an_end_no_decision_either(tmp_path):
    with served(tmp_path) as (url, log, process):
        wait_for(f"{url}/ready", alive=process)
        assert post(url, "register", 1, name="Ann").status_code == 201
        worker = re.findall(r"Booting worker with pid: (\d+)", log.read_text())[-1]
        os.kill(int(worker), signal.SIGKILL)
        while log.read_text().count("Booting worker") < 2:
            time.sleep(0.05)
        wait_for(f"{url}/ready", alive=process)
        assert post(url, "identify", 1, threshold=1e-5).status_code == 200
        while not (events := requests.get(f"{url}/audit", timeout=60).json()["events"]):
            time.sleep(0.1)
        assert events[0]["action"] == "register"
        assert post(url, "register", 2, name="Bob").status_code == 201
        assert post(url, "recognize", 2, threshold=1e-5).status_code == 200
        process.send_signal(signal.SIGTERM)
        process.wait(60)
    database = make_database(f"sqlite:///{tmp_path / 'data' / 'gallery.db'}")
    wrong = []
    proof = AuditService(store=AuditStore(database)).verify(expect=None, report=wrong.append)
    database.close()
    assert (wrong, proof.events, proof.unsealed) == ([], 4, 0)
