"""Names of models, and of what requests may choose."""

from typing import Literal

from typing_extensions import TypeAliasType

# Named types, so that the OpenAPI document lists the values of each once. `get_args(Metric.__value__)` gives them.
ModelName = TypeAliasType(
    "ModelName",
    Literal[
        "VGG-Face",
        "Facenet",
        "Facenet512",
        "OpenFace",
        "DeepFace",
        "DeepID",
        "ArcFace",
        "Dlib",
        "SFace",
        "GhostFaceNet",
        "Buffalo_L",
    ],
)
DetectorName = TypeAliasType(
    "DetectorName",
    Literal[
        "opencv",
        "ssd",
        "dlib",
        "mtcnn",
        "fastmtcnn",
        "retinaface",
        "mediapipe",
        "yolov8",
        "yolov8n",
        "yolov8m",
        "yolov8l",
        "yolov11n",
        "yolov11s",
        "yolov11m",
        "yolov11l",
        "yolov12n",
        "yolov12s",
        "yolov12m",
        "yolov12l",
        "yunet",
        "centerface",
        "skip",
    ],
)
Metric = TypeAliasType("Metric", Literal["cosine", "euclidean", "euclidean_l2", "angular"])
_DeepFaces = Literal["base", "raw", "Facenet", "Facenet2018", "VGGFace", "VGGFace2", "ArcFace"]
Normalization = TypeAliasType("Normalization", _DeepFaces)
# Also embeddings of length 1, which DeepFace stores with `l2_normalize`.
EmbeddingNormalization = TypeAliasType("EmbeddingNormalization", Literal[_DeepFaces, "base_l2"])
Alignment = TypeAliasType("Alignment", Literal["auto", "eyes", "template"])
DetectionMethod = TypeAliasType("DetectionMethod", Literal["bounded", "full", "deepface"])
Action = TypeAliasType("Action", Literal["age", "gender", "emotion", "race"])
ThresholdSource = TypeAliasType("ThresholdSource", Literal["request", "measured", "deepface"])
