"""The terms of the weights, each with the reason of its verdict and where that is said.

This is no legal advice. What networks were trained on is told even where who made them gave the files away for any use.
"""

from services.models.catalogue.types import License

_DEEPFACE = "https://github.com/serengil/deepface/blob/master/README.md#licence"
_INSIGHTFACE = "https://github.com/deepinsight/insightface/blob/master/README.md#license"
_DLIB_MODELS = "https://github.com/davisking/dlib-models/blob/master/README.md"

VGG_FACE = License(
    "CC-BY-NC-4.0",
    "no",
    "Oxford's Visual Geometry Group gave the VGG-Face weights for non-commercial use.",
    "https://www.robots.ox.ac.uk/~vgg/software/vgg_face/",
)
OF_VGG_FACE = License(
    "CC-BY-NC-4.0",
    "no",
    "It was trained upon VGG-Face, whose non-commercial licence its author says it inherits.",
    _DEEPFACE,
)
EMOTION = License(
    "not stated",
    "unclear",
    "DeepFace's author once said that it inherits VGG-Face's non-commercial licence, and no longer names it; the terms"
    " of its training photos, FER-2013, are not stated.",
    "https://github.com/serengil/deepface_models/blob/main/README.md",
)
FACENET = License(
    "MIT (code)",
    "unclear",
    "The code is MIT, and nothing is said of the weights, which were trained on MS-Celeb-1M (for research, and"
    " withdrawn) or VGGFace2.",
    "https://github.com/davidsandberg/facenet/blob/master/LICENSE.md",
)
OPENFACE = License(
    "Apache-2.0",
    "yes",
    "Carnegie Mellon University gave code and trained models under Apache 2.0; they were trained on CASIA-WebFace and"
    " FaceScrub, collected for research.",
    "https://github.com/cmusatyalab/openface/blob/master/README.md#licensing",
)
FB_DEEPFACE = License(
    "not stated",
    "unclear",
    "The repository that published the weights states no licence; they were trained on VGGFace2.",
    "https://github.com/swghosh/DeepFace",
)
DEEPID = License(
    "MIT (code)",
    "unclear",
    "The code DeepFace names is MIT; who trained the weights, and on what, is not said.",
    _DEEPFACE,
)
ARCFACE = License(
    "MIT (code)",
    "no",
    "The code is MIT, but InsightFace's training data and all models trained with it are for non-commercial research"
    " only, as the author of this re-implementation has confirmed.",
    "https://github.com/leondgarse/Keras_insightface/issues/133",
)
INSIGHTFACE = License(
    "non-commercial research",
    "no",
    "InsightFace's models are available for non-commercial research purposes only.",
    _INSIGHTFACE,
)
DLIB_RESNET = License(
    "CC0-1.0",
    "yes",
    "Its author released the file into the public domain; half of the photos it was trained on are of VGG-Face and"
    " FaceScrub, collected for research.",
    _DLIB_MODELS,
)
SFACE = License(
    "Apache-2.0",
    "yes",
    "OpenCV's model zoo gives the file under Apache 2.0; the paper trained on CASIA-WebFace, VGGFace2 and MS-Celeb-1M,"
    " collected for research.",
    "https://github.com/opencv/opencv_zoo/blob/main/models/face_recognition_sface/README.md#license",
)
GHOSTFACENET = License(
    "MIT",
    "unclear",
    "Its authors published code and weights under MIT, but it was trained on InsightFace's MS1M, and InsightFace says"
    " that models trained with its data are for non-commercial research only.",
    "https://github.com/HamadYA/GhostFaceNets/blob/main/README.md",
)

OPENCV_CASCADES = License(
    "Intel License Agreement (BSD-3-Clause)",
    "yes",
    "Each of the two files states the terms: redistribution and use in any form, with the copyright notice.",
    "https://github.com/opencv/opencv/blob/4.x/data/haarcascades/haarcascade_frontalface_default.xml",
)
SSD = License(
    "not stated",
    "unclear",
    "OpenCV's samples publish the network, but the branch that the weights lie in states no licence.",
    "https://github.com/opencv/opencv_3rdparty/tree/dnn_samples_face_detector_20170830",
)
DLIB_DETECTOR = License(
    "BSL-1.0 and CC0-1.0",
    "yes",
    "The detector is part of dlib (Boost licence), and its author released the 5-point predictor into the public"
    " domain; only the 68-point one, which is not used here, excludes commercial use.",
    _DLIB_MODELS,
)
MTCNN = License(
    "MIT (package)",
    "unclear",
    "The package is MIT; the weights in it come from the authors of the paper, who trained them on WIDER FACE and"
    " CelebA, the latter for non-commercial research only.",
    "https://github.com/ipazc/mtcnn/blob/master/README.md",
)
RETINAFACE = License(
    "MIT (code)",
    "no",
    "The code is MIT, the weights are those of InsightFace, whose models are for non-commercial research only.",
    _INSIGHTFACE,
)
MEDIAPIPE = License(
    "Apache-2.0",
    "yes",
    "Google gives the package and, by its model card, the network in it under Apache 2.0.",
    "https://storage.googleapis.com/mediapipe-assets/MediaPipe%20BlazeFace%20Model%20Card%20%28Short%20Range%29.pdf",
)
YOLO = License(
    "AGPL-3.0",
    "unclear",
    "Ultralytics' package, and by its maker's word what is trained with it, is AGPL-3.0: who offers a service built on"
    " it owes the source of all of it to the users, or buys a licence.",
    "https://github.com/ultralytics/ultralytics/blob/main/LICENSE",
)
YUNET = License(
    "MIT",
    "yes",
    "OpenCV's model zoo gives the file under MIT; it was trained on WIDER FACE.",
    "https://github.com/opencv/opencv_zoo/blob/main/models/face_detection_yunet/README.md#license",
)
CENTERFACE = License(
    "MIT",
    "yes",
    "The file is part of a repository under MIT; it was trained on WIDER FACE.",
    "https://github.com/Star-Clouds/CenterFace/blob/master/LICENSE",
)
NO_NETWORK = License("none", "yes", "There is no network: the whole image is taken for the face.", _DEEPFACE)

MINIFASNET = License(
    "Apache-2.0",
    "yes",
    "Minivision gives code and weights under Apache 2.0.",
    "https://github.com/minivision-ai/Silent-Face-Anti-Spoofing/blob/master/LICENSE",
)
