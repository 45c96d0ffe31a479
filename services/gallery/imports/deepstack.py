"""Lists the persons of DeepStack or CodeProject.AI, which keep no photos, and embeddings of a network of their own."""

from services.gallery.imports.foreign import reading

_PERSONS = "SELECT userid FROM TB_EMBEDDINGS ORDER BY userid"


def persons_of(file: str) -> list[str]:
    """The names of all persons in DeepStack's SQLite file; raises UnreadableDatabase."""
    with reading(file, system="DeepStack", kinds=["sqlite"]) as database:
        return [str(row.userid) for row in database.rows(_PERSONS)]
