"""Answers with the image of the request and its faces drawn on it, if the client accepts PNG rather than JSON."""

from typing import TypeVar

from flask import Response, request

from api.context import services
from schemas.faces import AnalyzeResponse, ExtractResponse

PNG = "image/png"

Answer = TypeVar("Answer", ExtractResponse, AnalyzeResponse)


def drawn_if_asked(img: str | bytes, answer: Answer) -> Answer | Response:
    """Return the answer, or a picture of it if the header `Accept` prefers PNG to JSON."""
    if request.accept_mimetypes.best_match(("application/json", PNG)) != PNG:
        return answer
    return Response(services().faces.pictures.draw(img, answer), mimetype=PNG)
