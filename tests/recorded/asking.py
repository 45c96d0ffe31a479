"""What a scenario is made of: requests and commands as data, in order, on one application of their own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Texts = Mapping[str, str | Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """What a request carries: `json`, a `form` with or without `files`, a `raw` picture, or any `text`.

    A string that begins with `@` is a picture by its name, see `images`: `@alice` is base64, `@alice:uri` a data URI.
    Files and raw pictures are named without the `@`.
    """

    json: Any = None
    form: Texts = field(default_factory=dict)
    files: Texts = field(default_factory=dict)
    raw: str | None = None
    text: str | None = None
    kind: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A request by a name; sent so many `times`, of which the last answer is recorded.

    `{first.id}` is what the answer to `first` has under `id`, and `{folder.path}` the scenario's folder.
    """

    name: str
    method: str
    path: str
    query: Texts
    headers: Mapping[str, str]
    body: Body
    times: int

    @property
    def said(self) -> str:
        """The request in a line, as the record names it."""
        return f"{self.method} {self.path}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A command by a name; what the patterns of `hide` match differs by machine."""

    name: str
    line: str
    hide: Sequence[str]

    @property
    def said(self) -> str:
        """The command in a line, as the record names it."""
        return f"face-service {self.line}"


Step = Ask | Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """Steps on one fresh application.

    `settings` differ from the defaults. `files` are pictures by their place in the scenario's folder, which has the
    folders `photos` and `images`. The models `missing` have no weights, and `trouble` is what the engine has.
    """

    name: str
    steps: Sequence[Step]
    settings: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    missing: Sequence[str] = ()
    trouble: str = ""


def ask(
    name: str,
    route: str,
    *,
    query: Texts | None = None,
    headers: Mapping[str, str] | None = None,
    times: int = 1,
    **body: Any,
) -> Ask:
    """A request to a route such as `GET /health`; further keywords are those of `Body`."""
    method, path = route.split(" ", 1)
    return Ask(
        name=name,
        method=method,
        path=path,
        query=query or {},
        headers=headers or {},
        body=Body(**body),
        times=times,
    )


def run(name: str, line: str, *hide: str) -> Run:
    """A command such as `gallery stats`."""
    return Run(name=name, line=line, hide=hide)
