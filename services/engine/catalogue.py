"""The models of DeepFace 0.0.103 as data: what each is for, what it takes and gives, and which files it needs.

Names, input sizes, dimensions, file names and URLs are those of DeepFace's own clients for ONNX Runtime; thresholds
are `deepface.config.threshold`. A test compares both with the installed DeepFace.
"""

from services.engine.model import Model, Search, WeightFile

_MIRRORS = (
    "https://github.com/serengil/deepface_models/releases/download/v1.0/",
    "https://huggingface.co/serengil/deepface/resolve/main/",
)
_DLIB = "https://dlib.net/files/"
_YAPALAB = "https://github.com/YapaLab/yolo-face/releases/download/1.0.0/"
_AKANAMETOV = "https://github.com/akanametov/yolo-face/releases/download/1.0.0/"


_METRICS = ("cosine", "euclidean", "euclidean_l2", "angular")

# The crop each network was trained on; OpenFace, DeepFace and DeepID used landmarks that no detector here gives.
_TEMPLATES = {
    "VGG-Face": "vggface",
    "Facenet": "facenet",
    "Facenet512": "facenet",
    "ArcFace": "arcface",
    "Dlib": "dlib",
    "SFace": "arcface",
    "GhostFaceNet": "arcface",
    "Buffalo_L": "arcface",
}

# Thresholds for faces cut out by the template, where they could be measured: `python -m benchmarks accuracy` prints
# those of the fewest errors on DeepFace's 300 labelled pairs and a piece of LFW.
_TEMPLATE_THRESHOLDS = {"Dlib": (0.083, 0.58, 0.407, 0.131)}


def _keras_twin(files: tuple[WeightFile, ...]) -> tuple[WeightFile, ...]:
    """The same weights for TensorFlow, which lie on the same mirrors with another ending."""
    names = (file.name.removesuffix(".onnx") + ".h5" for file in files if file.urls[0].startswith(_MIRRORS))
    return tuple(file for name in names for file in _mirrored(name))


def _mirrored(name: str) -> tuple[WeightFile, ...]:
    return (WeightFile(name, tuple(mirror + name for mirror in _MIRRORS)),)


def _dlib_file(name: str) -> tuple[WeightFile, ...]:
    return (WeightFile(name, (f"{_DLIB}{name}.bz2",), "face_recognition_models", f"models/{name}"),)


def _recognition(
    name: str,
    size: tuple[int, int],
    dim: int,
    files: tuple[WeightFile, ...],
    thresholds: tuple[float, ...],
    *,
    keras_files: tuple[WeightFile, ...] | None = None,
) -> Model:
    return Model(
        name=name,
        task="recognition",
        input_px=size,
        dim=dim,
        files=files,
        keras_files=_keras_twin(files) if keras_files is None else keras_files,
        thresholds=dict(zip(_METRICS, thresholds, strict=True)),
        template=_TEMPLATES.get(name),
        template_thresholds=dict(zip(_METRICS, _TEMPLATE_THRESHOLDS.get(name, ()), strict=False)),
    )


def _yolo(name: str, url: str) -> Model:
    file = WeightFile(f"{name}-face.pt", (url,))
    return Model(
        name=name, task="detection", files=(file,), thread_safe=False, package="ultralytics", module="ultralytics"
    )


def _attribute(name: str, size: tuple[int, int], file: str) -> Model:
    files = _mirrored(file)
    return Model(name=name, task="attribute", input_px=size, files=files, keras_files=_keras_twin(files))


_RECOGNITION = (
    _recognition("VGG-Face", (224, 224), 4096, _mirrored("vgg_face_weights.onnx"), (0.68, 1.17, 1.17, 0.39)),
    _recognition("Facenet", (160, 160), 128, _mirrored("facenet_weights.onnx"), (0.40, 10, 0.80, 0.33)),
    _recognition(
        "Facenet512",
        (160, 160),
        512,
        _mirrored("facenet512_weights.onnx"),
        (0.30, 23.56, 1.04, 0.35),
    ),
    _recognition("OpenFace", (96, 96), 128, _mirrored("openface_weights.onnx"), (0.10, 0.55, 0.55, 0.11)),
    _recognition(
        "DeepFace",
        (152, 152),
        4096,
        _mirrored("VGGFace2_DeepFace_weights_val-0.9034.onnx"),
        (0.23, 64, 0.64, 0.12),
        keras_files=(
            WeightFile(
                "VGGFace2_DeepFace_weights_val-0.9034.h5",
                (
                    "https://github.com/swghosh/DeepFace/releases/download/weights-vggface2-2d-aligned/"
                    "VGGFace2_DeepFace_weights_val-0.9034.h5.zip",
                ),
            ),
        ),
    ),
    _recognition(
        "DeepID",
        (47, 55),
        160,
        _mirrored("deepid_weights.onnx"),
        (0.015, 45, 0.17, 0.04),
        keras_files=_mirrored("deepid_keras_weights.h5"),
    ),
    _recognition("ArcFace", (112, 112), 512, _mirrored("arcface_weights.onnx"), (0.68, 4.15, 1.13, 0.39)),
    _recognition(
        "Dlib",
        (150, 150),
        128,
        _dlib_file("dlib_face_recognition_resnet_model_v1.dat"),
        (0.07, 0.6, 0.4, 0.12),
    ),
    _recognition(
        "SFace",
        (112, 112),
        128,
        (
            WeightFile(
                "face_recognition_sface_2021dec.onnx",
                (
                    "https://github.com/opencv/opencv_zoo/raw/main/models/face_recognition_sface/"
                    "face_recognition_sface_2021dec.onnx",
                ),
            ),
        ),
        (0.593, 10.734, 1.055, 0.36),
    ),
    _recognition(
        "GhostFaceNet",
        (112, 112),
        512,
        _mirrored("ghostfacenet_v1.onnx"),
        (0.65, 35.71, 1.10, 0.38),
        keras_files=(
            WeightFile(
                "ghostfacenet_v1.h5",
                ("https://github.com/HamadYA/GhostFaceNets/releases/download/v1.2/GhostFaceNet_W1.3_S1_ArcFace.h5",),
            ),
        ),
    ),
    Model(
        name="Buffalo_L",
        template=_TEMPLATES["Buffalo_L"],
        task="recognition",
        input_px=(112, 112),
        dim=512,
        files=(
            WeightFile(
                "buffalo_l/webface_r50.onnx",
                ("https://drive.google.com/uc?export=download&confirm=pbef&id=1N0GL-8ehw_bz2eZQWz2b0A5XBdXdxZhg",),
            ),
        ),
        thresholds={"cosine": 0.55, "euclidean": 0.6, "euclidean_l2": 1.1, "angular": 0.45},
        package="insightface",
        module="insightface",
    ),
)

_DETECTION = (
    Model(  # the Haar cascades come inside OpenCV's package
        name="opencv", task="detection", thread_safe=False, search=Search(side_px=500, score=4)
    ),
    Model(
        name="ssd",
        task="detection",
        thread_safe=False,
        input_px=(300, 300),
        files=(
            WeightFile(
                "deploy.prototxt",
                ("https://github.com/opencv/opencv/raw/3.4.0/samples/dnn/face_detector/deploy.prototxt",),
            ),
            WeightFile(
                "res10_300x300_ssd_iter_140000.caffemodel",
                (
                    "https://github.com/opencv/opencv_3rdparty/raw/dnn_samples_face_detector_20170830/"
                    "res10_300x300_ssd_iter_140000.caffemodel",
                ),
            ),
        ),
    ),
    Model(
        name="dlib",
        task="detection",
        thread_safe=False,
        files=_dlib_file("shape_predictor_5_face_landmarks.dat"),
        search=Search(side_px=1280, enlarge=3.2),
    ),
    Model(name="mtcnn", task="detection", thread_safe=False, package="mtcnn tensorflow", module="mtcnn"),
    Model(name="fastmtcnn", task="detection", thread_safe=False, package="facenet-pytorch", module="facenet_pytorch"),
    Model(
        name="retinaface", task="detection", files=_mirrored("retinaface.onnx"), keras_files=_mirrored("retinaface.h5")
    ),
    Model(name="mediapipe", task="detection", thread_safe=False, package="mediapipe", module="mediapipe"),
    _yolo("yolov8n", "https://drive.google.com/uc?id=1qcr9DbgsX3ryrz2uU8w4Xm3cOrRywXqb"),
    _yolo("yolov8m", f"{_YAPALAB}yolov8m-face.pt"),
    _yolo("yolov8l", f"{_YAPALAB}yolov8l-face.pt"),
    _yolo("yolov11n", f"{_AKANAMETOV}yolov11n-face.pt"),
    _yolo("yolov11s", f"{_AKANAMETOV}yolov11s-face.pt"),
    _yolo("yolov11m", f"{_AKANAMETOV}yolov11m-face.pt"),
    *(
        _yolo(name, f"{_YAPALAB}{name}-face.pt")
        for name in ("yolov11l", "yolov12n", "yolov12s", "yolov12m", "yolov12l")
    ),
    Model(
        name="yunet",
        task="detection",
        thread_safe=False,
        input_px=(640, 640),
        search=Search(side_px=640, score=0.75),
        files=(
            WeightFile(
                "face_detection_yunet_2023mar.onnx",
                (
                    "https://github.com/opencv/opencv_zoo/raw/main/models/face_detection_yunet/"
                    "face_detection_yunet_2023mar.onnx",
                ),
            ),
        ),
    ),
    Model(
        name="centerface",
        task="detection",
        files=(
            WeightFile(
                "centerface.onnx",
                ("https://github.com/Star-Clouds/CenterFace/raw/master/models/onnx/centerface.onnx",),
            ),
        ),
    ),
    Model(name="skip", task="detection"),
)

_ATTRIBUTE = (
    _attribute("age", (224, 224), "age_model_weights.onnx"),
    _attribute("gender", (224, 224), "gender_model_weights.onnx"),
    _attribute("emotion", (48, 48), "facial_expression_model_weights.onnx"),
    _attribute("race", (224, 224), "race_model_single_batch.onnx"),
)

LIVENESS = "MiniFASNet"
_LIVENESS = (
    Model(
        name=LIVENESS,
        task="liveness",
        input_px=(80, 80),
        files=_mirrored("2.7_80x80_MiniFASNetV2.onnx") + _mirrored("4_0_0_80x80_MiniFASNetV1SE.onnx"),
    ),
)

MODELS: dict[str, Model] = {model.name: model for model in (*_RECOGNITION, *_DETECTION, *_ATTRIBUTE, *_LIVENESS)}

# Names a request may use for another's row.
ALIASES = {"yolov8": "yolov8n"}


def find(name: str) -> Model:
    """The row called `name`, or of which that is an alias.

    Raises:
        KeyError: there is none.
    """
    return MODELS[ALIASES.get(name, name)]
