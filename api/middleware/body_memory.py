"""Counts the bytes of bodies and fetched images against QUEUE_MAX_BYTES, and gives their memory back to the system."""

from flask import Flask, g

from api.context import services
from core.process import release_unused


def init_body_memory(app: Flask) -> None:
    """Release what a request of `app` holds of the budget, once nothing of the request is left."""
    app.teardown_request(_give_back)


def count_body_bytes(size: int, *, coming: int = 0) -> None:
    """Count `size` bytes more that the current request holds, of whose body further bytes are still `coming`.

    Raises:
        Overloaded: the bodies of all requests together exceed QUEUE_MAX_BYTES.
    """
    if "body_share" not in g:
        g.body_share = services().access.bodies.share()
    g.body_share.add(size, coming=coming)


def _give_back(_: BaseException | None) -> None:
    if "body_share" in g and g.pop("body_share").release():
        release_unused()
