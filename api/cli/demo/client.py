"""Requests to the running service."""

import sys
import time
from typing import Any

import requests

READY_TIMEOUT_S = 300  # a worker may have to load, or even fetch, its models
START_TIMEOUT_S = 20  # until a service that was just started listens


class Client:
    """The service at an address, with an API key if there is one."""

    def __init__(self, url: str, key: str | None) -> None:
        self._url = url
        self._session = requests.Session()
        if key:
            self._session.headers["X-API-Key"] = key

    def wait_until_ready(self) -> None:
        """Return when the service is ready, and print what it waits for. End the program if nothing answers in time."""
        started, said = time.monotonic(), ""
        while True:
            waited_s = time.monotonic() - started
            try:
                answer = self._session.get(f"{self._url}/ready", timeout=10)
            except requests.ConnectionError:
                if waited_s > START_TIMEOUT_S:
                    sys.exit(f"Nothing answers at {self._url}. Start the service first: face-service serve")
                message = f"Nothing answers at {self._url} yet."
            else:
                if answer.status_code == requests.codes.ok:
                    return
                message = answer.json()["message"]
                if answer.json()["error_code"] != "model_loading" or waited_s > READY_TIMEOUT_S:
                    sys.exit(f"The service is not ready: {message}")
            if message != said:
                print(f"Waiting: {message}", flush=True)
                said = message
            time.sleep(1)

    def ask(self, route: str, *, spared: str | None = None, images: dict[str, bytes], **options: str) -> dict[str, Any]:
        """Return the answer of an endpoint. End the program with its message if it is an error other than `spared`."""
        answer = self._session.post(f"{self._url}/{route}", files=images, data=options, timeout=60)
        return self._body(route, answer, spared)

    def get(self, route: str, *, spared: str | None = None) -> dict[str, Any]:
        """Return what a GET answers, as `ask` does."""
        return self._body(route, self._session.get(f"{self._url}/{route}", timeout=60), spared)

    def delete(self, route: str) -> dict[str, Any]:
        """Return what a DELETE answers, as `ask` does."""
        return self._body(route, self._session.delete(f"{self._url}/{route}", timeout=60), None)

    @staticmethod
    def _body(route: str, answer: requests.Response, spared: str | None) -> dict[str, Any]:
        body: dict[str, Any] = answer.json()
        if not answer.ok and body["error_code"] != spared:
            sys.exit(f"{route}: {body['message']}")
        return body
