"""The licences of the weights, each with the reason of its verdict and its source.

This is not legal advice. The training data is stated even if the authors allow any use of the files.
"""

from services.models.catalogue.types import License

_DEEPFACE = "https://github.com/serengil/deepface/blob/master/README.md#licence"
_INSIGHTFACE = "https://github.com/deepinsight/insightface/blob/master/README.md#license"
_DLIB_MODELS = "https://github.com/davisking/dlib-models/blob/master/README.md"

VGG_FACE = License(
    "CC-BY-NC-4.0",
    "no",
    "Oxford's Visual Geometry Group released the VGG-Face weights for non-commercial use.",
    "https://www.robots.ox.ac.uk/~vgg/software/vgg_face/",
)
OF_VGG_FACE = License(
    "CC-BY-NC-4.0",
    "no",
    "It was trained on top of VGG-Face. Its author says that it inherits the non-commercial licence.",
    _DEEPFACE,
)
EMOTION = License(
    "not stated",
    "unclear",
    "DeepFace's author once said that it inherits VGG-Face's non-commercial licence, but no longer says so. The"
    " terms of its training photos, FER-2013, are not stated.",
    "https://github.com/serengil/deepface_models/blob/main/README.md",
)
FACENET = License(
    "MIT (code)",
    "unclear",
    "The code is MIT. The licence of the weights is not stated. They were trained on MS-Celeb-1M (for research,"
    " and withdrawn) or VGGFace2.",
    "https://github.com/davidsandberg/facenet/blob/master/LICENSE.md",
)
OPENFACE = License(
    "Apache-2.0",
    "yes",
    "Carnegie Mellon University released code and trained models under Apache 2.0. They were trained on"
    " CASIA-WebFace and FaceScrub, collected for research.",
    "https://github.com/cmusatyalab/openface/blob/master/README.md#licensing",
)
FB_DEEPFACE = License(
    "not stated",
    "unclear",
    "The repository that published the weights states no licence. They were trained on VGGFace2.",
    "https://github.com/swghosh/DeepFace",
)
DEEPID = License(
    "MIT (code)",
    "unclear",
    "The code that DeepFace names is MIT. The author and the training data of the weights are not stated.",
    _DEEPFACE,
)
ARCFACE = License(
    "MIT (code)",
    "no",
    "The code is MIT. InsightFace's training data and all models trained with it are for non-commercial research"
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
    "Its author released the file into the public domain. Half of its training photos are from VGG-Face and"
    " FaceScrub, collected for research.",
    _DLIB_MODELS,
)
SFACE = License(
    "Apache-2.0",
    "yes",
    "OpenCV's model zoo publishes the file under Apache 2.0. The paper trained on CASIA-WebFace, VGGFace2 and"
    " MS-Celeb-1M, collected for research.",
    "https://github.com/opencv/opencv_zoo/blob/main/models/face_recognition_sface/README.md#license",
)
GHOSTFACENET = License(
    "MIT",
    "unclear",
    "Its authors published code and weights under MIT. It was trained on InsightFace's MS1M. InsightFace says"
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
    "OpenCV's samples publish the model, but the branch with the weights states no licence.",
    "https://github.com/opencv/opencv_3rdparty/tree/dnn_samples_face_detector_20170830",
)
DLIB_DETECTOR = License(
    "BSL-1.0 and CC0-1.0",
    "yes",
    "The detector is part of dlib (Boost licence). Its author released the 5-point predictor into the public"
    " domain. Only the 68-point predictor excludes commercial use; it is not used here.",
    _DLIB_MODELS,
)
DLIB_ATTRIBUTES = License(
    "CC0-1.0",
    "yes",
    "Cydral Technology gave the networks to dlib's author under CC0. They were trained on private photos.",
    _DLIB_MODELS,
)
MTCNN = License(
    "MIT (package)",
    "unclear",
    "The package is MIT. Its weights come from the authors of the paper. They were trained on WIDER FACE and"
    " CelebA; CelebA is for non-commercial research only.",
    "https://github.com/ipazc/mtcnn/blob/master/README.md",
)
RETINAFACE = License(
    "MIT (code)",
    "no",
    "The code is MIT. The weights are InsightFace's, whose models are for non-commercial research only.",
    _INSIGHTFACE,
)
MEDIAPIPE = License(
    "Apache-2.0",
    "yes",
    "Google publishes the package and, by its model card, the model in it under Apache 2.0.",
    "https://storage.googleapis.com/mediapipe-assets/MediaPipe%20BlazeFace%20Model%20Card%20%28Short%20Range%29.pdf",
)
YOLO = License(
    "AGPL-3.0",
    "unclear",
    "Ultralytics' package is AGPL-3.0; its maker says that models trained with it are too. A service built on it"
    " must give its users the whole source, or buy a licence.",
    "https://github.com/ultralytics/ultralytics/blob/main/LICENSE",
)
YUNET = License(
    "MIT",
    "yes",
    "OpenCV's model zoo publishes the file under MIT. It was trained on WIDER FACE.",
    "https://github.com/opencv/opencv_zoo/blob/main/models/face_detection_yunet/README.md#license",
)
CENTERFACE = License(
    "MIT",
    "yes",
    "The file is part of a repository under MIT. It was trained on WIDER FACE.",
    "https://github.com/Star-Clouds/CenterFace/blob/master/LICENSE",
)
NO_NETWORK = License("none", "yes", "There is no model: the whole image is taken as the face.", _DEEPFACE)

MINIFASNET = License(
    "Apache-2.0",
    "yes",
    "Minivision publishes code and weights under Apache 2.0.",
    "https://github.com/minivision-ai/Silent-Face-Anti-Spoofing/blob/master/LICENSE",
)
