"""The models that analyze a face: its attributes, and whether it is a live one."""

from services.models.catalogue import licenses
from services.models.catalogue.types import Accuracy, License, Model, keras_twin, mirrored

_DEEPFACE = "https://github.com/serengil/deepface/blob/master/README.md"


def _attribute(name: str, side_px: int, file: str, terms: License, accuracy: tuple[Accuracy, ...] = ()) -> Model:
    files = mirrored(file)
    return Model(
        name=name,
        task="attribute",
        license=terms,
        accuracy=accuracy,
        input_px=(side_px, side_px),
        files=files,
        keras_files=keras_twin(files),
    )


ATTRIBUTES = (
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
