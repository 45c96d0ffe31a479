"""Reads the faces that photo programs have marked and named: regions of the Metadata Working Group in XMP."""

import math
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from services.gallery.imports.regions import Region

MAX_XMP_BYTES = 1 << 22
_MAX_REGIONS = 200  # of an image

_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_REGIONS = "{http://www.metadataworkinggroup.com/schemas/regions/}"
_AREA = "{http://ns.adobe.com/xmp/sType/Area#}"
_DIMENSIONS = "{http://ns.adobe.com/xap/1.0/sType/Dimensions#}"


class UnreadableXmp(Exception):
    """The text is no XMP, too large, or hostile."""


@dataclass(frozen=True, slots=True)
class NamedRegion:
    """A marked face. `name` is empty if it was not named; `region` is None if it is nowhere in the image."""

    name: str
    region: Region | None


def named_regions(packet: bytes) -> list[NamedRegion]:
    """The faces that an XMP packet marks, in its order.

    Raises:
        UnreadableXmp: the packet cannot be read, declares entities, or has far too many regions.
    """
    if len(packet) > MAX_XMP_BYTES:
        raise UnreadableXmp
    try:
        root = fromstring(packet.strip(b"\0 \r\n\t"), forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError):  # the last two: encodings
        raise UnreadableXmp from None
    found = [region for info in root.iter(f"{_REGIONS}Regions") for region in _faces(info)]
    if len(found) > _MAX_REGIONS:
        raise UnreadableXmp
    return found


def _faces(info: Element) -> Iterator[NamedRegion]:
    applied_to = _applied_to(info)
    for listed in info.iter(f"{_REGIONS}RegionList"):
        for one in listed.iter(f"{_RDF}li"):
            if _text(one, f"{_REGIONS}Type") == "Face":
                yield NamedRegion(_text(one, f"{_REGIONS}Name"), _region(one, applied_to))


def _applied_to(info: Element) -> tuple[float, float] | None:
    """The size of the image for which the regions were drawn; None if it is unknown."""
    size = _inner(info, f"{_REGIONS}AppliedToDimensions")
    if size is None or _text(size, f"{_DIMENSIONS}unit") not in ("", "pixel"):
        return None
    width, height = (_number(size, f"{_DIMENSIONS}{side}") for side in "wh")
    return (width, height) if width > 0 and height > 0 else None


def _region(one: Element, applied_to: tuple[float, float] | None) -> Region | None:
    area = _inner(one, f"{_REGIONS}Area")
    if area is None:
        return None
    x, y, w, h = (_number(area, f"{_AREA}{name}") for name in "xywh")
    if _text(area, f"{_AREA}unit") == "pixel":
        if applied_to is None:
            return None
        (x, w), (y, h) = ((value / applied_to[0] for value in (x, w)), (value / applied_to[1] for value in (y, h)))
    inside = 0 <= x <= 1 and 0 <= y <= 1 and 0 < w <= 1 and 0 < h <= 1
    return Region(x=x, y=y, w=w, h=h, applied_to=applied_to) if inside else None


# RDF may write a structure as the node itself, or as a `rdf:Description` in it; a property as attribute or element.
def _nodes(node: Element) -> Iterator[Element]:
    yield node
    yield from node.findall(f"{_RDF}Description")


def _inner(node: Element, name: str) -> Element | None:
    """The structure with this name in another one."""
    return next((inner for one in _nodes(node) if (inner := one.find(name)) is not None), None)


def _text(node: Element, name: str) -> str:
    """The property with this name of a structure; empty if there is none."""
    for one in _nodes(node):
        if name in one.attrib:
            return one.attrib[name].strip()
        if (inner := one.find(name)) is not None:
            return "".join(inner.itertext()).strip()
    return ""


def _number(node: Element, name: str) -> float:
    """The property as a finite number; NaN, which no comparison accepts, if it is none."""
    with suppress(ValueError):
        number = float(_text(node, name))
        return number if math.isfinite(number) else math.nan
    return math.nan
