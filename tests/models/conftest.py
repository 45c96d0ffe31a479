"""Real networks: Dlib and Haar come in Python packages; YuNet, MiniFASNet and labelled photos are there or not."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import matplotlib
import numpy as np
import pytest
import skimage
from flask.testing import FlaskClient

from api.context import services_of
from api.factory import create_app
from core.settings import Settings
from tests.models.graphs import accept_all, write_graphs
from tests.models.labelled import SHARED
from tests.pictures import encoded

needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="no folder ../shared with weights and photos")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder runs real networks."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.models)


@pytest.fixture(scope="session")
def deepface_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A DEEPFACE_HOME with tiny networks, and the real ones of the shared folder in their place where it is there."""
    home = tmp_path_factory.mktemp("deepface")
    weights = home / ".deepface" / "weights"
    weights.mkdir(parents=True)
    write_graphs(weights)
    if SHARED.is_dir():
        for file in (SHARED / "weights").iterdir():
            shutil.copyfile(file, weights / file.name)
    accept_all(home)
    before = os.environ.get("DEEPFACE_HOME")
    os.environ["DEEPFACE_HOME"] = str(home)
    yield home
    if before is None:
        del os.environ["DEEPFACE_HOME"]
    else:
        os.environ["DEEPFACE_HOME"] = before


@pytest.fixture(scope="session")
def astronaut() -> Path:
    """Eileen Collins, 512 x 512."""
    return Path(skimage.__file__).parent / "data" / "astronaut.png"


@pytest.fixture(scope="session")
def hopper() -> Path:
    """Grace Hopper, 512 x 600."""
    return Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"


@pytest.fixture
def real_settings(settings: Settings, deepface_home: Path) -> Settings:
    """Dlib and opencv on the weights of `deepface_home`, faces found and cut out as DeepFace does it."""
    as_deepface = {"detection": "deepface", "default_alignment": "eyes", "antispoof_threshold": 0}
    return settings.model_copy(update={"deepface_home": deepface_home, "default_model": "Dlib"} | as_deepface)


@pytest.fixture
def real_client(real_settings: Settings) -> FlaskClient:
    """A client of an application on DeepFace, ready."""
    app = create_app(real_settings)
    readiness = services_of(app).health.readiness
    readiness.start()
    assert readiness.wait(60)
    readiness.require_ready()
    return app.test_client()


@pytest.fixture(scope="session")
def deepface(deepface_home: Path) -> Any:
    """DeepFace's own functions, on the weights of `deepface_home`."""
    from deepface import DeepFace

    return DeepFace


@pytest.fixture(scope="session")
def two(astronaut: Path, hopper: Path) -> bytes:
    """Both persons side by side, as a PNG of 614 x 307: two faces of different sizes."""
    left, right = cv2.imread(str(astronaut)), cv2.imread(str(hopper))
    return encoded(cv2.resize(np.hstack([left, right[:512]]), None, fx=0.6, fy=0.6))


@pytest.fixture(scope="session")
def one(hopper: Path) -> bytes:
    """One person, as a JPEG of 307 x 360."""
    return encoded(cv2.resize(cv2.imread(str(hopper)), None, fx=0.6, fy=0.6), ".jpg")
