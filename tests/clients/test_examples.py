"""The examples of the OpenAPI document are what the service answers now."""

from pathlib import Path

from api.cli.demo.photos import PhotoFolder
from api.examples import examples
from docs.examples import ready_app, record


def shape(value):
    """The names of an answer, and the kind of each value; of a list, those of its first item."""
    if isinstance(value, dict):
        return {name: shape(one) for name, one in value.items()}
    if isinstance(value, list):
        return [shape(one) for one in value[:1]]
    return "number" if type(value) in (int, float) else type(value).__name__


def test_the_recorded_answers_have_the_fields_of_real_ones(tmp_path):
    """If it fails after a change of an answer: python -m docs.examples"""
    PhotoFolder(Path("faces_db")).write()
    assert shape(record(ready_app(tmp_path, deepface_home=tmp_path / "home"))) == shape(examples())
