"""The service without its guards against hostile requests: what the attacks on bodies have to notice."""

import json
import re

from flask import request

import api.endpoint
import api.middleware.request_log
from api.factory import create_app
from schemas.faces import ExtractResponse
from services.faces.service import FaceService


def _read_request(model):
    if request.mimetype == "application/json":
        return model.model_validate(json.loads(request.get_data()))
    return model.model_validate({**request.args, **request.form} or {"img": request.get_data()})


api.endpoint.read_request = _read_request
api.middleware.request_log._SANE_ID = re.compile(".+")
FaceService.extract = lambda *_: ExtractResponse.model_construct(faces_found="many", result=None)

app = create_app()
app.config["MAX_CONTENT_LENGTH"] = None
