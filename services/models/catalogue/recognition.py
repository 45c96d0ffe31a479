"""The recognition models: their inputs and outputs, their thresholds, and their accuracy."""

from services.models.catalogue import licenses
from services.models.catalogue.types import (
    OPENCV_ZOO,
    Accuracy,
    Extra,
    Files,
    License,
    MeasuredThresholds,
    Model,
    TrainedPixels,
    dlib_file,
    keras_twin,
    mirrored,
    single,
)

_METRICS = ("cosine", "euclidean", "euclidean_l2", "angular")

# The crop each model was trained on; OpenFace, DeepFace and DeepID used landmarks that no detector here provides.
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

# Of the other models with a template, DeepFace feeds Dlib and Buffalo_L what their packages do: RGB, 0 to 255, and RGB,
# (x - 127.5) / 127.5 (insightface/model_zoo/arcface_onnx.py). SFace gets RGB, 0 to 255, as in OpenCV's FaceRecognizerSF
# (modules/objdetect/src/face_recognize.cpp). For VGG-Face, the order that DeepFace's conversion of the weights expects
# is not documented.
_TRAINED_PIXELS = {
    "Facenet": TrainedPixels(  # `prewhiten`: each image by its own mean and deviation
        scaling="Facenet",
        source="https://github.com/davidsandberg/facenet/blob/master/src/facenet.py",
    ),
    "Facenet512": TrainedPixels(  # (x - 127.5) / 128
        scaling="ArcFace",
        source="https://github.com/davidsandberg/facenet/wiki/Training-using-the-VGGFace2-dataset",
    ),
    "ArcFace": TrainedPixels(
        scaling="ArcFace", source="https://github.com/leondgarse/Keras_insightface/blob/master/evals.py"
    ),
    "GhostFaceNet": TrainedPixels(
        scaling="ArcFace", source="https://github.com/HamadYA/GhostFaceNets/blob/main/evals.py"
    ),
}

_DLIB_TEMPLATE = (0.083, 0.58, 0.407, 0.131)

# How confidence falls with distance, in the same order: the widest of the three detectors, which differ by 5 %
# (`python -m benchmarks confidence`).
_SPREADS = {("Dlib", "template"): (0.0073, 0.0255, 0.0183, 0.0059)}

# Measured on DeepFace's 300 labelled pairs and the 1,225 pairs of a part of LFW (`python -m benchmarks accuracy`), in
# the order of `_METRICS`. Of the 1,262 pairs of strangers at most one is accepted, with each of the three ways to
# search; for the template two. DeepFace's thresholds accept up to 139 of them.
_MEASURED = {
    "Dlib": {
        ("template", "yunet"): _DLIB_TEMPLATE,
        ("template", "dlib"): _DLIB_TEMPLATE,
        ("template", "opencv"): _DLIB_TEMPLATE,
        ("eyes", "yunet"): (0.045, 0.454, 0.301, 0.096),
        ("eyes", "dlib"): (0.067, 0.535, 0.367, 0.117),
        ("eyes", "opencv"): (0.052, 0.469, 0.323, 0.103),
        ("none", "yunet"): (0.043, 0.446, 0.294, 0.094),
        ("none", "dlib"): (0.070, 0.564, 0.374, 0.119),
        ("none", "opencv"): (0.053, 0.483, 0.328, 0.104),
    }
}

_DEEPFACE_TABLE = "https://github.com/serengil/deepface/blob/master/README.md"
_INSIGHTFACE_TABLE = "https://github.com/deepinsight/insightface/blob/master/python-package/README.md"


def _lfw(measured: float, declared: float) -> tuple[Accuracy, ...]:
    """The accuracy that DeepFace's author measured with the best detector and metric, and the declared one."""
    return (
        Accuracy("LFW", "accuracy within DeepFace, best configuration", measured, _DEEPFACE_TABLE),
        Accuracy("LFW", "accuracy declared by its authors", declared, _DEEPFACE_TABLE),
    )


def _by_metric(values: tuple[float, ...]) -> dict[str, float]:
    return dict(zip(_METRICS, values, strict=True))


def _recognition(
    name: str,
    size: tuple[int, int],
    dim: int,
    files: Files,
    *,
    thresholds: tuple[float, ...],
    accuracy: tuple[Accuracy, ...],
    terms: License,
    keras_files: Files | None = None,
    extra: Extra | None = None,
) -> Model:
    return Model(
        name=name,
        task="recognition",
        license=terms,
        accuracy=accuracy,
        input_px=size,
        dim=dim,
        files=files,
        keras_files=keras_twin(files) if keras_files is None else keras_files,
        thresholds=_by_metric(thresholds),
        template=_TEMPLATES.get(name),
        trained_pixels=_TRAINED_PIXELS.get(name),
        measured_thresholds=tuple(
            MeasuredThresholds(
                alignment=alignment,
                detector=detector,
                values=_by_metric(values),
                spreads=_by_metric(_SPREADS[name, alignment]) if (name, alignment) in _SPREADS else None,
            )
            for (alignment, detector), values in _MEASURED.get(name, {}).items()
        ),
        extra=extra,
    )


RECOGNITION = (
    _recognition(
        "VGG-Face",
        (224, 224),
        4096,
        mirrored("vgg_face_weights.onnx"),
        thresholds=(0.68, 1.17, 1.17, 0.39),
        accuracy=_lfw(0.967, 0.989),
        terms=licenses.VGG_FACE,
    ),
    _recognition(
        "Facenet",
        (160, 160),
        128,
        mirrored("facenet_weights.onnx"),
        thresholds=(0.40, 10, 0.80, 0.33),
        accuracy=_lfw(0.974, 0.992),
        terms=licenses.FACENET,
    ),
    _recognition(
        "Facenet512",
        (160, 160),
        512,
        mirrored("facenet512_weights.onnx"),
        thresholds=(0.30, 23.56, 1.04, 0.35),
        accuracy=_lfw(0.984, 0.996),
        terms=licenses.FACENET,
    ),
    _recognition(
        "OpenFace",
        (96, 96),
        128,
        mirrored("openface_weights.onnx"),
        thresholds=(0.10, 0.55, 0.55, 0.11),
        accuracy=_lfw(0.787, 0.929),
        terms=licenses.OPENFACE,
    ),
    _recognition(
        "DeepFace",
        (152, 152),
        4096,
        mirrored("VGGFace2_DeepFace_weights_val-0.9034.onnx"),
        thresholds=(0.23, 64, 0.64, 0.12),
        accuracy=_lfw(0.690, 0.973),
        terms=licenses.FB_DEEPFACE,
        keras_files=single(
            "VGGFace2_DeepFace_weights_val-0.9034.h5",
            "https://github.com/swghosh/DeepFace/releases/download/weights-vggface2-2d-aligned/"
            "VGGFace2_DeepFace_weights_val-0.9034.h5.zip",
        ),
    ),
    _recognition(
        "DeepID",
        (47, 55),
        160,
        mirrored("deepid_weights.onnx"),
        thresholds=(0.015, 45, 0.17, 0.04),
        accuracy=_lfw(0.665, 0.974),
        terms=licenses.DEEPID,
        keras_files=mirrored("deepid_keras_weights.h5"),
    ),
    _recognition(
        "ArcFace",
        (112, 112),
        512,
        mirrored("arcface_weights.onnx"),
        thresholds=(0.68, 4.15, 1.13, 0.39),
        accuracy=_lfw(0.967, 0.995),
        terms=licenses.ARCFACE,
    ),
    _recognition(
        "Dlib",
        (150, 150),
        128,
        dlib_file(
            "dlib_face_recognition_resnet_model_v1.dat",
            22_466_066,
            "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
        ),
        thresholds=(0.07, 0.6, 0.4, 0.12),
        accuracy=_lfw(0.968, 0.993),
        terms=licenses.DLIB_RESNET,
    ),
    _recognition(
        "SFace",
        (112, 112),
        128,
        single(
            "face_recognition_sface_2021dec.onnx",
            f"{OPENCV_ZOO}face_recognition_sface/face_recognition_sface_2021dec.onnx",
            38_696_353,
            "0ba9fbfa01b5270c96627c4ef784da859931e02f04419c829e83484087c34e79",
        ),
        thresholds=(0.593, 10.734, 1.055, 0.36),
        accuracy=_lfw(0.930, 0.995),
        terms=licenses.SFACE,
    ),
    _recognition(
        "GhostFaceNet",
        (112, 112),
        512,
        mirrored("ghostfacenet_v1.onnx"),
        thresholds=(0.65, 35.71, 1.10, 0.38),
        accuracy=_lfw(0.933, 0.997),
        terms=licenses.GHOSTFACENET,
        keras_files=single(
            "ghostfacenet_v1.h5",
            "https://github.com/HamadYA/GhostFaceNets/releases/download/v1.2/GhostFaceNet_W1.3_S1_ArcFace.h5",
        ),
    ),
    _recognition(
        "Buffalo_L",
        (112, 112),
        512,
        single(
            "buffalo_l/webface_r50.onnx",
            "https://drive.google.com/uc?export=download&confirm=pbef&id=1N0GL-8ehw_bz2eZQWz2b0A5XBdXdxZhg",
        ),
        thresholds=(0.55, 0.6, 1.1, 0.45),
        accuracy=(Accuracy("LFW", "accuracy declared by its authors", 0.9983, _INSIGHTFACE_TABLE),),
        terms=licenses.INSIGHTFACE,
        extra=Extra(modules=("insightface",), command="pip install --no-deps -r requirements-insightface.txt"),
    ),
)
