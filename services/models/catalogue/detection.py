"""The detectors: their files and packages, how they run on a bounded copy, and their accuracy."""

from services.models.catalogue import licenses
from services.models.catalogue.types import (
    OPENCV_ZOO,
    Accuracy,
    Extra,
    Model,
    Search,
    dlib_file,
    keras_twin,
    mirrored,
    single,
)

_YAPALAB = "https://github.com/YapaLab/yolo-face/releases/download/1.0.0/"
_AKANAMETOV = "https://github.com/akanametov/yolo-face/releases/download/1.0.0/"


def _wider_face(easy: float, medium: float, hard: float, source: str) -> tuple[Accuracy, ...]:
    levels = {"easy": easy, "medium": medium, "hard": hard}
    return tuple(Accuracy("WIDER FACE, validation", f"AP {level}", value, source) for level, value in levels.items())


def _found(share: float) -> tuple[Accuracy, ...]:
    return (Accuracy("94 faces in 39 photos", "share found, bounded", share, "python -m benchmarks detection"),)


def _yolo(name: str, url: str, accuracy: tuple[Accuracy, ...] = ()) -> Model:
    return Model(
        name=name,
        task="detection",
        license=licenses.YOLO,
        accuracy=accuracy,
        files=single(f"{name}-face.pt", url),
        thread_safe=False,
        extra=Extra(modules=("ultralytics", "torchvision"), command="pip install --no-deps -r requirements-yolo.txt"),
    )


DETECTION = (
    Model(  # OpenCV's package contains the Haar cascades
        name="opencv",
        task="detection",
        license=licenses.OPENCV_CASCADES,
        accuracy=_found(0.777),
        thread_safe=False,
        search=Search(side_px=500, score=4),
        confidence_scale=None,  # DeepFace's formula gives false boxes 0.94 to 1, and good photos 0.87 to 0.99
    ),
    Model(
        name="ssd",
        task="detection",
        license=licenses.SSD,
        thread_safe=False,
        input_px=(300, 300),
        files=single(
            "deploy.prototxt", "https://github.com/opencv/opencv/raw/3.4.0/samples/dnn/face_detector/deploy.prototxt"
        )
        + single(
            "res10_300x300_ssd_iter_140000.caffemodel",
            "https://github.com/opencv/opencv_3rdparty/raw/dnn_samples_face_detector_20170830/"
            "res10_300x300_ssd_iter_140000.caffemodel",
            10_666_211,
            "2a56a11a57a4a295956b0660b4a3d76bbdca2206c4961cea8efe7d95c7cb2f2d",
        ),
    ),
    Model(
        name="dlib",
        task="detection",
        license=licenses.DLIB_DETECTOR,
        accuracy=_found(0.989),
        thread_safe=False,
        files=dlib_file(
            "shape_predictor_5_face_landmarks.dat",
            9_150_489,
            "c4b1e9804792707d3a405c2c16a80a20269e6675021f64a41d30fffafbc41888",
        ),
        search=Search(side_px=1280, enlarge=3.2),
        confidence_scale=(0.0, 0.3),  # 75 good photos have 0.14 or more, most of them 1
    ),
    Model(
        name="mtcnn",
        task="detection",
        license=licenses.MTCNN,
        thread_safe=False,
        extra=Extra(modules=("mtcnn", "tensorflow"), command="pip install -r requirements-mtcnn.txt"),
    ),
    Model(
        name="fastmtcnn",
        task="detection",
        license=licenses.MTCNN,
        thread_safe=False,
        extra=Extra(
            modules=("facenet_pytorch", "torchvision"),
            command="pip install --no-deps -r requirements-fastmtcnn.txt",
        ),
    ),
    Model(
        name="retinaface",
        task="detection",
        license=licenses.RETINAFACE,
        accuracy=_wider_face(
            0.965,
            0.956,
            0.904,
            "https://github.com/deepinsight/insightface/blob/master/detection/retinaface/README.md",
        ),
        files=mirrored("retinaface.onnx"),
        keras_files=keras_twin(mirrored("retinaface.onnx")),
    ),
    Model(
        name="mediapipe",
        task="detection",
        license=licenses.MEDIAPIPE,
        thread_safe=False,
        extra=Extra(
            modules=("mediapipe",),
            refusal="DeepFace needs mediapipe.solutions. The last mediapipe with it, 0.10.21, needs numpy below 2 and"
            " protobuf below 5, which this service cannot use.",
        ),
    ),
    _yolo(
        "yolov8n",
        "https://drive.google.com/uc?id=1qcr9DbgsX3ryrz2uU8w4Xm3cOrRywXqb",
        _wider_face(0.945, 0.922, 0.790, "https://github.com/derronqi/yolov8-face/blob/main/README.md"),
    ),
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
        license=licenses.YUNET,
        accuracy=(
            *_wider_face(
                0.8844,
                0.8656,
                0.7503,
                "https://github.com/opencv/opencv_zoo/blob/main/models/face_detection_yunet/README.md",
            ),
            *_found(1.0),
        ),
        thread_safe=False,
        input_px=(640, 640),
        search=Search(side_px=640, score=0.75),
        confidence_scale=(0.7, 0.9),  # 75 good photos have 0.89 or more
        files=single(
            "face_detection_yunet_2023mar.onnx",
            f"{OPENCV_ZOO}face_detection_yunet/face_detection_yunet_2023mar.onnx",
            232_589,
            "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4",
        ),
    ),
    Model(
        name="centerface",
        task="detection",
        license=licenses.CENTERFACE,
        accuracy=_wider_face(
            0.935, 0.924, 0.875, "https://github.com/Star-Clouds/CenterFace/blob/master/README.md (at several scales)"
        ),
        files=single(
            "centerface.onnx",
            "https://github.com/Star-Clouds/CenterFace/raw/master/models/onnx/centerface.onnx",
            7_532_772,
            "77e394b51108381b4c4f7b4baf1c64ca9f4aba73e5e803b2636419578913b5fe",
        ),
    ),
    Model(name="skip", task="detection", license=licenses.NO_NETWORK),
)
