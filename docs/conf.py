"""Sphinx: `make docs` builds the site from these pages and from those of the project's folder."""

import re
from pathlib import Path

from sphinx.application import Sphinx

project = "Face service"
extensions = ["myst_parser", "sphinx_design"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = project
html_show_sphinx = False
html_copy_source = False
html_show_copyright = False
pygments_style = "tango"
myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence"]

# Pages of the site whose text is a file of the project's folder.
ROOT_FILES = {
    "index": "README.md",
    "changes": "CHANGELOG.md",
    "security": "SECURITY.md",
    "contributing": "CONTRIBUTING.md",
}
_PAGE_OF = {file: f"/{page}.md" for page, file in ROOT_FILES.items()}


def _read(app: Sphinx, name: str, source: list[str]) -> None:
    """Put the project's file before the page, and make its links those of the site."""
    if name in ROOT_FILES:
        text = (Path(app.srcdir).parent / ROOT_FILES[name]).read_text("utf-8")
        text = re.sub(r"\]\(docs/", "](/", text).replace("](LICENSE)", "](../LICENSE)")
        source[0] = f"{text}\n{source[0]}"
    source[0] = re.sub(r"\]\((?:\.\./)*([A-Z]+\.md)", lambda match: f"]({_PAGE_OF.get(match[1], match[1])}", source[0])


def setup(app: Sphinx) -> None:
    """Register what is done with each page when it is read."""
    app.connect("source-read", _read)
