"""Finds the faces that photo programs have named in photos, or in the sidecar files beside them."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path, PurePosixPath

from core.exceptions import ImageDecodeError, ImageError
from core.files import OutsideRoot, open_beneath
from core.images.decoding import ImagePolicy, read_limited
from core.images.folder import PhotoLister
from core.images.header import image_format
from core.images.xmp import xmp_packet
from services.gallery.imports.entries import Entry
from services.gallery.imports.folders import read_photo
from services.gallery.imports.xmp import MAX_XMP_BYTES, NamedRegion, UnreadableXmp, named_regions

_JPEG_HEAD_BYTES = 1 << 19  # before the first scan of a JPEG: a few segments of 64 kB


def photos_of(folder: Path, skip: Sequence[str], policy: ImagePolicy) -> Iterator[Entry]:
    """Every named face in the photos below `folder`. Photos without one are left out.

    The regions of a sidecar file (`1.jpg.xmp` or `1.xmp`) count more than those in the photo itself.

    Raises:
        OSError: the folder cannot be read.
    """
    for file in PhotoLister(skip).photos(folder):
        if file.problem:
            yield Entry(source=file.name, problem=file.problem)
            continue
        try:
            name, found = _marked(folder, file.name, policy)
        except UnreadableXmp:
            yield Entry(source=file.name, problem="xmp_unreadable")
        except ImageError as error:
            yield Entry(source=file.name, problem=error.code)
        except OutsideRoot:
            yield Entry(source=file.name, problem="outside_folder")
        except OSError:
            yield Entry(source=file.name, problem="unreadable")
        else:
            yield from _entries(folder, file.name, policy, found, problem="heic_region" if name == "HEIC" else "")


def _entries(
    folder: Path, photo: str, policy: ImagePolicy, found: list[NamedRegion], *, problem: str
) -> Iterator[Entry]:
    times: Counter[str] = Counter()
    for one in found:
        times[one.name] += 1
        again = f" ({times[one.name]})" if times[one.name] > 1 else ""
        yield Entry(
            source=f"{photo}: {one.name or 'without a name'}{again}",
            photo=photo,
            name=one.name,
            read=partial(read_photo, folder, policy, photo),
            region=one.region,
            problem=problem or ("" if one.region else "region_invalid"),
        )


def _marked(folder: Path, photo: str, policy: ImagePolicy) -> tuple[str, list[NamedRegion]]:
    """The format of a photo, and its marked faces."""
    with open_beneath(folder, photo) as file:
        content = file.read(_JPEG_HEAD_BYTES)
        name = image_format(content) or ""
        if name != "JPEG":
            file.seek(0)
            content = read_limited(file, policy)
    for sidecar in (f"{photo}.xmp", str(PurePosixPath(photo).with_suffix(".xmp"))):
        with suppress(FileNotFoundError), open_beneath(folder, sidecar) as file:
            if found := named_regions(file.read(MAX_XMP_BYTES + 1)):
                return name, found
    try:
        packet = xmp_packet(content, name)
    except ValueError:
        raise ImageDecodeError from None
    return name, named_regions(packet) if packet else []
