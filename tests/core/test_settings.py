from pathlib import Path

import pytest

from core.settings import Settings, SettingsError, load_settings, misspelt_settings
from core.settings.names import names_of

WRONG_LIMITS = ("many", "600", "0/minute", "-1/minute", "600/fortnight", "600/minute,", "1/minute 2/hour x")
WRONG_ORIGINS = ("app.example.com", "https://app.example.com/", "https://*.example.com", "https://a.com/x", "null",
                 "https://app.example.com:port", "HTTPS://app.example.com", "https://a.com$", "(.*)", "http://::1:3000",
                 "http://[0:0:0:0:0:0:0:1]", "http://[::g]", "http://[]", "http://[::1]:3000/",
                 "http://[127.0.0.1]")  # fmt: skip


def test_the_defaults_are_deepfaces_own():
    settings = load_settings()
    assert (settings.model_preset, settings.default_model, settings.default_detector) == ("deepface", "", "")
    assert settings.default_metric == "cosine"


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
    with pytest.raises(SettingsError, match=r"^DEEPFACE_ENGINE: .*pip install -r requirements\.txt$"):
        load_settings()


@pytest.mark.parametrize("in_file", [False, True])
@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("BATCH_WAIT_MS", "0", r"BATCH_WAIT_MS: this setting no longer exists\. Remove it\."),
        ("batch_wait_ms", "", r"BATCH_WAIT_MS: this setting no longer exists\. Remove it\."),
        (
            "DEEPFACE_ENGINE",
            "pytorch",
            r"DEEPFACE_ENGINE: [^\n;]*pytorch is no longer supported\. Use onnx or tensorflow",
        ),
    ],
)
def test_what_is_gone_is_named_and_not_ignored(monkeypatch, in_file, name, value, message):
    if in_file:
        Path(".env").write_text(f"{name}={value}\n")
    else:
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=f"^{message}$"):
        load_settings()
    monkeypatch.setenv("PORT", "none")
    with pytest.raises(SettingsError, match=f"PORT: .*{message}|{message}; PORT: "):
        load_settings()


def test_lanes_and_threads_fit_the_cores(monkeypatch):
    monkeypatch.setattr("core.settings.settings.available_cores", lambda: 8)
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


@pytest.mark.parametrize("key", ["ü" * 32, f"{'k' * 40}\x07", f"{'k' * 40}\u2028k", f"{'k' * 20}\t{'k' * 20}"])
def test_a_key_that_no_header_can_carry_is_refused_without_being_shown(monkeypatch, key):
    monkeypatch.setenv("API_KEYS", f"{'K' * 40},{key}")
    with pytest.raises(SettingsError, match=r"^API_KEYS: [^\n]*use only printable ASCII in API keys") as caught:
        load_settings()
    assert key[:8] not in str(caught.value)


def test_a_gallery_key_is_hexadecimal_and_never_shown(monkeypatch):
    for good in ("ab" * 32, f"{'AB' * 32}, {'0' * 64}"):
        monkeypatch.setenv("GALLERY_KEY", good)
        assert len(load_settings().gallery_key) == good.count(",") + 1
        assert "ab" * 32 not in repr(load_settings()).lower()
    for wrong in ("secret", "g" * 64, "a" * 63, "a" * 66, ",".join(["a" * 64] * 3), f"{'a' * 64},s"):
        monkeypatch.setenv("GALLERY_KEY", wrong)
        with pytest.raises(SettingsError, match=r"^GALLERY_KEY: .*openssl rand -hex 32$") as caught:
            load_settings()
        assert wrong not in str(caught.value)


@pytest.mark.parametrize("text", ["", "600/minute", "20/second, 10000/day", "1 per 5 minutes; 3/hour"])
def test_limits_are_written_as_amount_and_time(monkeypatch, text):
    monkeypatch.setenv("RATE_LIMIT", text)
    monkeypatch.setenv("RATE_LIMIT_ADDRESS", text)
    settings = load_settings()
    assert (settings.rate_limit, settings.rate_limit_address) == (text, text)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, text) for name in ("RATE_LIMIT", "RATE_LIMIT_ADDRESS") for text in WRONG_LIMITS),
        *(("RATE_LIMIT_STORAGE", text) for text in ("", "disk", "mongodb://x", "redis", "memcached://x:1")),
        *(("CORS_ORIGINS", text) for text in WRONG_ORIGINS),
        ("TRUSTED_PROXIES", "-1"),
        ("PERSON_LOCK_MISSES", "-1"),
        ("PERSON_LOCK_S", "0"),
    ],
)
def test_a_limit_that_cannot_be_understood_is_named(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=rf"^{name}: [^\n;]+$"):
        load_settings()


def test_pages_are_written_as_browsers_name_them(monkeypatch):
    monkeypatch.setenv("CORS_ORIGINS", "https://app.example.com, http://localhost:3000,capacitor://localhost")
    assert load_settings().cors_origins == (
        "https://app.example.com",
        "http://localhost:3000",
        "capacitor://localhost",
    )
    monkeypatch.setenv("CORS_ORIGINS", "*")
    assert load_settings().cors_origins == ("*",)


@pytest.mark.parametrize(
    ("host", "bound"),
    [
        ("0.0.0.0", "0.0.0.0:5000"),
        ("::", "[::]:5000"),
        ("[::]", "[::]:5000"),
        ("::1", "[::1]:5000"),
        ("2001:db8::7", "[2001:db8::7]:5000"),
        ("faces.local", "faces.local:5000"),
    ],
)
def test_an_address_is_bound_as_gunicorn_takes_it(monkeypatch, host, bound):
    monkeypatch.setenv("HOST", host)
    assert load_settings().bind == bound


@pytest.mark.parametrize("origin", ["http://[::1]:3000", "https://[2001:db8::7]", "http://localhost:3000", "*"])
def test_origins_may_be_addresses(monkeypatch, origin):
    monkeypatch.setenv("CORS_ORIGINS", f"{origin}, https://app.example.com")
    assert load_settings().cors_origins == (origin, "https://app.example.com")


@pytest.mark.parametrize("name", ["https://a.com", "a.com:80", "a.com/x", "a b", "(a)", "bücher.de"])
def test_a_host_name_is_only_a_name(monkeypatch, name):
    monkeypatch.setenv("ALLOWED_HOSTS", "Fine.example.com.")
    assert load_settings().allowed_hosts == ("fine.example.com",)
    monkeypatch.setenv("ALLOWED_HOSTS", name)
    with pytest.raises(SettingsError, match=r"^ALLOWED_HOSTS: [^;]+$"):
        load_settings()


PAIRS = [
    ("DEFAULT_MODEL", "FACE_RECOGNITION_MODEL", "SFace"),
    ("DEFAULT_DETECTOR", "FACE_DETECTOR_BACKEND", "yunet"),
    ("DEFAULT_METRIC", "DISTANCE_METRIC", "euclidean"),
    ("API_KEYS", "API_KEY", "k" * 32),
]


@pytest.mark.parametrize("places", ["environment", "file", "both"])
@pytest.mark.parametrize(("ours", "theirs", "value"), PAIRS)
def test_an_empty_name_hides_no_other_name_of_its_setting(monkeypatch, ours, theirs, value, places):
    for empty, full in ((ours, theirs), (theirs, ours), (theirs.lower(), ours)):
        lines = [f"{name}={given}" for name, given in ((empty, ""), (full, value)) if places == "file" or given]
        Path(".env").write_text("\n".join(lines if places != "environment" else []))
        monkeypatch.delenv(full, raising=False)
        if places == "environment":
            monkeypatch.setenv(full, value)
        if places != "file":
            monkeypatch.setenv(empty, "")
        found = getattr(load_settings(), ours.lower())
        assert found == ((value,) if ours == "API_KEYS" else value), (empty, full)
        monkeypatch.delenv(empty, raising=False)


def test_an_empty_variable_still_hides_the_same_name_in_the_file(monkeypatch):
    Path(".env").write_text("DEFAULT_MODEL=SFace\nRATE_LIMIT=1/minute\nDATA_PATH=here\n")
    for name in ("DEFAULT_MODEL", "RATE_LIMIT"):
        monkeypatch.setenv(name, "")
    settings = load_settings()
    assert (settings.default_model, settings.rate_limit, str(settings.data_path)) == ("", "", "here")


@pytest.mark.parametrize(
    ("name", "right"),
    [
        ("FACE_DB_PATH", "FACES_DB_PATH"),
        ("FACES_DBPATH", "FACES_DB_PATH"),
        ("face_db_path", "FACES_DB_PATH"),
        ("DEFUALT_MODEL", "DEFAULT_MODEL"),
        ("LOGLEVEL", "LOG_LEVEL"),
        ("DATABASE_URI", "DATABASE_URL"),
        ("APIKEYS", "API_KEYS"),
        ("TRUSTED_PROXY", "TRUSTED_PROXIES"),
        ("WORKER", "WORKERS"),
        ("FACE_RECOGNITON_MODEL", "DEFAULT_MODEL"),
        ("REQUIRE_AUTHS", "REQUIRE_AUTH"),
        ("GALERY_KEY", "GALLERY_KEY"),
    ],
)
@pytest.mark.parametrize("place", ["environment", "file"])
def test_a_misspelt_setting_is_told(monkeypatch, name, right, place):
    if place == "file":
        Path(".env").write_text(f"{name}=1\n")
    else:
        monkeypatch.setenv(name, "1")
    told = [sentence for sentence in misspelt_settings() if sentence.startswith(name.upper())]
    assert told == [f"{name.upper()} is no setting. Did you mean {right}?"]


@pytest.mark.parametrize("name", [
    "DATABASE_USER", "DATABASE_NAME", "HOSTNAME", "HOME", "HOST_PORT", "POST", "PORTS", "PATH", "PYTHONPATH", "LOGNAME",
    "PIP_CERT", "GPU", "CUDA_VISIBLE_DEVICES", "API_TOKEN", "DATA_DIR", "DEFAULT_REGION", "MODEL", "IMAGE", "WORKDIR",
    "HTTP_PROXY", "NO_PROXY", "KUBERNETES_PORT", "API_CPUS", "API_MEMORY", "ENGINE", "GUNICORN_CMD_ARGS",
])  # fmt: skip
def test_what_is_no_setting_is_not_told(monkeypatch, name):
    monkeypatch.setenv(name, "1")
    assert not any(sentence.startswith(f"{name} ") for sentence in misspelt_settings())


def test_no_setting_is_a_misspelt_other(monkeypatch):
    for field, info in Settings.model_fields.items():
        for name in names_of(field, info):
            monkeypatch.setenv(name, "1")
    assert misspelt_settings() == []


@pytest.mark.parametrize("level", ["info", "Warning", " DEBUG "])
def test_the_case_of_the_log_level_does_not_matter(monkeypatch, level):
    monkeypatch.setenv("LOG_LEVEL", level)
    assert load_settings().log_level == level.strip().upper()


@pytest.mark.parametrize("name", ["API_KEY", "API_KEYS"])
def test_a_short_key_says_why_and_how_to_make_one(monkeypatch, name):
    monkeypatch.setenv(name, "short")
    with pytest.raises(
        SettingsError, match=rf"^{name}: .*32 characters, because .* guessed\. Run: openssl rand -hex 32$"
    ):
        load_settings()
