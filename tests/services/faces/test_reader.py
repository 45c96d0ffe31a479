"""Faces that are embedded in two spaces."""

from dataclasses import replace

from schemas.common import EmbeddingOptions
from services.faces.options import Defaults
from services.faces.reader import FaceReader
from tests.fakes import FakeEngine
from tests.pictures import ALICE, photo
from tests.services.faces.test_service import POLICY


class Noting(FakeEngine):
    """Notes the model and the alignment of what it embeds."""

    def __init__(self):
        super().__init__()
        self.noted = []

    def embed(self, crops, *, model, alignment="eyes", **options):
        self.noted.append((model, alignment))
        return super().embed(crops, model=model, alignment=alignment, **options)


def test_each_embedding_is_made_as_its_space_says(settings):
    engine, defaults = Noting(), Defaults.of(settings)
    reader = FaceReader(engine=engine, policy=POLICY, max_faces=256, antispoof_threshold=0)
    also = defaults.embedding_plan(EmbeddingOptions(model_name="ArcFace", alignment="template"))
    plan = replace(defaults.embedding_plan(EmbeddingOptions()), also=also)
    (face,), _ = reader.embedded(photo(ALICE), "img", plan)
    assert face.also is not None
    assert engine.noted == [("VGG-Face", "eyes"), ("ArcFace", "template_rgb")]
