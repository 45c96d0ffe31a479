"""What is done to an empty gallery: something of everything that the program keeps or records."""

from typing import Any

from tests.persisted.program import WRITTEN, Program

ALICE, ALICIA, BOB = "people/Alice/1.png", "people/Alice/2.png", "people/Bob/1.png"
SCOPES = ("faces", "find", "gallery:read", "gallery:write", "admin")
ABOUT_ALICE = {
    "labels": {"team": "blue"},
    "metadata": {"née": "Ångström", "n": [1, None, 0.5]},
    "retain_until": "2999-12-31T23:59:59+00:00",
}
OTHER_SPACE = {"model_name": "Facenet512", "expand_percentage": 10, "alignment": "eyes", "detection": "full"}
KEY = "first of all"
EXPORT = "gallery.zip"
THRESHOLD = 0.001  # which only the same picture is within


def live(program: Program) -> dict[str, Any]:
    """The keys that were made, the answer to the request that came with an Idempotency-Key, and who Bob is."""
    revoked = make_key(program)
    program.token = make_key(program)
    program.command("keys", "revoke", revoked.split("_")[1])
    first = register_first(program)
    bob = _register(program, BOB, "Bob", store_crop=True)
    _register(program, ALICIA, "Alice", on_duplicate="merge")
    _register(program, ALICE, "Alice", align=False, model_name="Facenet")
    program.settle()
    program.ask("POST", "/collections", name="staff")
    elodie = _register(program, BOB, "Élodie", collection="staff", store_crop=True, **OTHER_SPACE)
    program.command("gallery", "enroll", WRITTEN / "photos" / "people", "--collection", "staff", "--store-crop")
    program.settle()
    _change(program, bob["person_id"])
    _decide(program, bob["person_id"], elodie["person_id"])
    _take_out(program)
    program.settle()
    return {"token": program.token, "revoked": revoked, "first": first, "bob": bob["person_id"]}


def make_key(program: Program) -> str:
    """A new key that may do everything."""
    return program.command("keys", "create", "operator", *(f"--scope={scope}" for scope in SCOPES)).strip()


def register_first(program: Program) -> Any:
    """The answer to a registration with an Idempotency-Key, always the same."""
    return _register(program, ALICE, "Alice", key=KEY, store_crop=True, **ABOUT_ALICE)


def verify(program: Program, photo: str, person_id: str, *, refused: int = 0, **options: Any) -> Any:
    """The answer whether the photo shows a person of the gallery."""
    said = {"img1": program.photo(photo), "person_id": person_id, "threshold": THRESHOLD} | options
    return program.ask("POST", "/verify", refused=refused, **said)


def identify(program: Program, photo: str, **options: Any) -> list[dict[str, Any]]:
    """The persons near the one face of a photo."""
    said = {"img": program.photo(photo), "threshold": THRESHOLD} | options
    (face,) = program.ask("POST", "/identify", **said)["result"]
    return face["matches"]


def _register(program: Program, photo: str, name: str, **options: Any) -> Any:
    return program.ask("POST", "/register", img=program.photo(photo), name=name, **options)


def _change(program: Program, bob: str) -> None:
    twin = _register(program, BOB, "Twin", labels={"is": "Bob"})
    program.ask("POST", f"/persons/{bob}/merge", person_ids=[twin["person_id"]])
    program.ask("PATCH", f"/persons/{bob}", metadata={"changed": True})
    gone = [_register(program, ALICIA, "Gone", collection="gone") for _ in range(2)]
    program.ask("DELETE", f"/faces/{gone[0]['id']}")
    program.ask("DELETE", f"/persons/{gone[0]['person_id']}")
    program.ask("DELETE", "/collections/gone")
    _register(program, ALICIA, "Over", retain_until="2000-01-01T00:00:00+00:00")
    program.command("gallery", "expire")
    if program.is_encrypted:
        program.command("gallery", "rotate-key")


def _decide(program: Program, bob: str, elodie: str) -> None:
    program.ask("POST", "/verify", img1=program.photo(ALICE), img2=program.photo(BOB))
    verify(program, BOB, bob)
    for _ in range(2):  # which is too few for a lock
        verify(program, ALICE, bob)
    for _ in range(5):
        verify(program, ALICE, elodie, **OTHER_SPACE)
    identify(program, ALICE)
    program.ask("POST", "/recognize", img=program.photo(BOB))
    program.command("index", "build")
    program.ask("POST", "/find", img=program.photo(ALICE), threshold=THRESHOLD)


def _take_out(program: Program) -> None:
    if program.is_on_a_server:
        from tests.services.gallery.owner_database import make_table  # which fails where there is no PostgreSQL

        make_table(f"{program.url}&options=-cclient_min_messages%3Dwarning")  # there is pgvector already
        program.command("gallery", "copy-to-pgvector")
    program.command("gallery", "export", program.home / EXPORT)
