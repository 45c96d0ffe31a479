from pathlib import Path

import pytest

from core.config import Settings, SettingsError, load_settings


def test_the_defaults_are_deepfaces_own():
    settings = load_settings()
    assert (settings.default_model, settings.default_detector, settings.default_metric) == (
        "VGG-Face",
        "opencv",
        "cosine",
    )


def test_settings_come_from_the_environment_and_then_from_dotenv(monkeypatch):
    Path(".env").write_text("PORT=1111\nDEFAULT_MODEL=Dlib\nUNRELATED=1\n")
    monkeypatch.setenv("PORT", "2222")
    settings = load_settings()
    assert (settings.port, settings.default_model) == (2222, "Dlib")


def test_lists_are_written_with_commas(monkeypatch):
    monkeypatch.setenv("PRELOAD_MODELS", "Dlib, opencv,")
    monkeypatch.setenv("URL_ALLOWED_HOSTS", "")
    settings = load_settings()
    assert settings.preload_models == ("Dlib", "opencv")
    assert settings.url_allowed_hosts == ()


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("FACE_RECOGNITION_MODEL", "default_model"),
        ("FACE_DETECTOR_BACKEND", "default_detector"),
        ("DISTANCE_METRIC", "default_metric"),
    ],
)
def test_face_apis_names_are_read_as_well_and_ours_win(monkeypatch, name, field):
    monkeypatch.setenv(name, "theirs")
    assert getattr(load_settings(), field) == "theirs"
    monkeypatch.setenv(field.upper(), "ours")
    assert getattr(load_settings(), field) == "ours"


def test_an_empty_gpu_device_lets_the_framework_choose(monkeypatch):
    assert load_settings().gpu_device == -1
    monkeypatch.setenv("GPU_DEVICE", "")
    assert load_settings().gpu_device is None


def test_a_wrong_value_is_named_on_one_line_without_repeating_it(monkeypatch):
    monkeypatch.setenv("PORT", "s3cret")
    monkeypatch.setenv("LOG_LEVEL", "LOUD")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    line = str(caught.value)
    assert line.startswith("PORT: ")
    assert "LOG_LEVEL: " in line
    assert "\n" not in line
    assert "s3cret" not in line


def test_settings_are_frozen():
    with pytest.raises(ValueError, match="frozen"):
        Settings().port = 1


def test_an_engine_that_is_not_installed_says_what_to_install(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setenv("DEEPFACE_ENGINE", "tensorflow")
    with pytest.raises(SettingsError, match=r"^DEEPFACE_ENGINE: .*pip install -r requirements.txt"):
        load_settings()


def test_lanes_and_threads_fit_the_cores(monkeypatch):
    monkeypatch.setattr("core.config.available_cores", lambda: 8)
    cases = {(1, None): (8, 1), (2, None): (4, 1), (1, 2): (2, 4), (16, None): (1, 1), (2, 16): (16, 1)}
    for (workers, lanes), expected in cases.items():
        settings = Settings(workers=workers, inference_lanes=lanes)
        assert (settings.lanes, settings.threads_per_lane) == expected


def test_home_and_hosts_are_read_as_people_write_them(monkeypatch):
    monkeypatch.setenv("DEEPFACE_HOME", "")
    monkeypatch.setenv("URL_ALLOWED_HOSTS", "Images.Example.com.,b.org")
    settings = load_settings()
    assert settings.deepface_home == Path.home()
    assert settings.url_allowed_hosts == ("images.example.com", "b.org")
