"""What DeepFace has to answer on another framework: Dlib and Haar for real, two of its networks with random weights."""

import base64
import logging

import cv2
import numpy as np
import pytest

from core.images.decoding import decode
from tests.models.comparing import POLICY, assert_same, post, threshold_of


class SmallSet:
    """Tests for a class that says which `framework` it is about, and with which `ending` its files' names end.

    DeepFace chooses its framework once, so each needs a process of its own, in which nothing else was tested.
    """

    framework: str
    ending: str

    @pytest.fixture
    def real_settings(self, settings, deepface_home):
        """Those of the other tests of real networks, on this framework."""
        as_deepface = {"detection": "deepface", "default_alignment": "eyes", "antispoof_threshold": 0}
        here = {"deepface_home": deepface_home, "default_model": "Dlib", "deepface_engine": self.framework}
        return settings.model_copy(update=here | as_deepface)

    @pytest.fixture(scope="class")
    def one(self, hopper):
        return cv2.imencode(".jpg", cv2.resize(cv2.imread(str(hopper)), None, fx=0.6, fy=0.6))[1].tobytes()

    def test_deepface_runs_on_it(self, real_client):
        from deepface.commons import backend_utils

        assert backend_utils.get_backend_engine() == self.framework

    @pytest.mark.parametrize("model", ["Dlib", "OpenFace"])
    @pytest.mark.parametrize("detector", ["opencv", "dlib"])
    def test_verify_and_represent(self, real_client, one, astronaut, model, detector):
        from deepface import DeepFace

        options = {"model_name": model, "detector_backend": detector}
        limit = {"threshold": threshold_of(model)}
        contents = {"img1": one, "img2": astronaut.read_bytes()}
        images = [decode(content, POLICY) for content in contents.values()]
        ours = post(real_client, "verify", contents, **options, **limit)
        theirs = DeepFace.verify(*images, **options, **limit)
        del ours["success"], ours["time"], ours["threshold_source"], theirs["time"]
        assert_same(ours, theirs)
        ours = post(real_client, "represent", {"img": one}, **options)
        assert_same(ours["result"], DeepFace.represent(images[0], **options))

    def test_analyze_and_liveness(self, real_client, one):
        from deepface import DeepFace

        options = {"actions": ["emotion"]}
        ours = post(real_client, "analyze", {"img": one}, **options)
        assert_same(ours["result"], DeepFace.analyze(decode(one, POLICY), silent=True, **options))
        (face,) = post(real_client, "extract", {"img": one}, anti_spoofing=True)["result"]
        assert 0 <= face["antispoof_score"] <= 1
        assert face["is_real"] or face["antispoof_score"] <= 0.5

    def test_find(self, real_client, one, photos):
        (photos / "hopper.jpg").write_bytes(one)
        (rows,) = post(real_client, "find", {"img": one}, model_name="OpenFace")["result"]
        assert [row["distance"] for row in rows] == [0.0]

    def test_a_missing_network_names_the_frameworks_own_file(self, real_client, one):
        response = real_client.post("/analyze", json={"img": base64.b64encode(one).decode(), "actions": ["age"]})
        assert response.json["details"]["missing_files"] == [f"age_model_weights{self.ending}"]

    def test_threads_get_the_serial_answers(self, real_client, one, astronaut):
        from concurrent.futures import ThreadPoolExecutor

        logging.getLogger("access").setLevel(logging.WARNING)
        contents, models = (one, astronaut.read_bytes()), ("Dlib", "OpenFace")
        works = [{"img": content, "model": model} for content in contents for model in models]

        def embed(work):
            answer = post(
                real_client.application.test_client(), "represent", {"img": work["img"]}, model_name=work["model"]
            )
            return answer["result"][0]["embedding"]

        serial = [embed(work) for work in works]
        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(embed, works * 5))
        for number, answer in enumerate(answers):
            assert np.allclose(answer, serial[number % len(works)], atol=1e-5)
