"""XMP packets in the ways in which Lightroom, digiKam and Picasa write the regions of faces, and photos with them."""

import struct
import zlib
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

_NAMESPACES = (
    'xmlns:mwg-rs="http://www.metadataworkinggroup.com/schemas/regions/" xmlns:stArea="http://ns.adobe.com/xmp/sType/Area#"'
    ' xmlns:stDim="http://ns.adobe.com/xap/1.0/sType/Dimensions#" xmlns:xmp="http://ns.adobe.com/xap/1.0/"'
)


@dataclass(frozen=True)
class Mark:
    """A region: centre and sides relative to the stored image."""

    name: str
    x: float
    y: float
    w: float = 0.2
    h: float = 1 / 3
    kind: str = "Face"


def _packet(inner, toolkit):
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
        f'<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="{toolkit}">\n'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">\n'
        f'<rdf:Description rdf:about="" {_NAMESPACES} xmp:Rating="4">\n{inner}\n</rdf:Description>\n'
        f'</rdf:RDF>\n</x:xmpmeta>\n{" " * 2000}<?xpacket end="w"?>'
    ).encode()


def lightroom(*marks, size=(200, 120)):
    """Properties as attributes, the structure as a description."""
    regions = "".join(
        '<rdf:li><rdf:Description mwg-rs:Rotation="0.00000"'
        + (f" mwg-rs:Name={quoteattr(mark.name)}" if mark.name else "")
        + f' mwg-rs:Type="{mark.kind}"><mwg-rs:Area stArea:h="{mark.h}" stArea:w="{mark.w}" stArea:x="{mark.x}"'
        f' stArea:y="{mark.y}" stArea:unit="normalized"/></rdf:Description></rdf:li>'
        for mark in marks
    )
    inner = (
        '<mwg-rs:Regions rdf:parseType="Resource">'
        f'<mwg-rs:AppliedToDimensions stDim:w="{size[0]}" stDim:h="{size[1]}" stDim:unit="pixel"/>'
        f"<mwg-rs:RegionList><rdf:Bag>{regions}</rdf:Bag></mwg-rs:RegionList></mwg-rs:Regions>"
    )
    return _packet(inner, "Adobe XMP Core 7.0-c000 1.000000, 0000/00/00-00:00:00")


def digikam(*marks, size=(200, 120)):
    """Properties of the area as attributes, the others as elements."""
    regions = "".join(
        f'<rdf:li><rdf:Description mwg-rs:Name={quoteattr(mark.name)} mwg-rs:Type="{mark.kind}">'
        f'<mwg-rs:Area stArea:x="{mark.x}" stArea:y="{mark.y}" stArea:w="{mark.w}" stArea:h="{mark.h}"'
        ' stArea:unit="normalized"/></rdf:Description></rdf:li>'
        for mark in marks
    )
    inner = (
        "<mwg-rs:Regions><rdf:Description>"
        f'<mwg-rs:AppliedToDimensions stDim:w="{size[0]}" stDim:h="{size[1]}" stDim:unit="pixel"/>'
        f"<mwg-rs:RegionList><rdf:Bag>{regions}</rdf:Bag></mwg-rs:RegionList></rdf:Description></mwg-rs:Regions>"
    )
    return _packet(inner, "XMP Core 4.4.0-Exiv2")


def picasa(*marks, size=(200, 120)):
    """Everything as elements; an area has no unit."""
    regions = "".join(
        '<rdf:li rdf:parseType="Resource">'
        '<mwg-rs:Area rdf:parseType="Resource">'
        f"<stArea:x>{mark.x}</stArea:x><stArea:y>{mark.y}</stArea:y>"
        f"<stArea:w>{mark.w}</stArea:w><stArea:h>{mark.h}</stArea:h></mwg-rs:Area>"
        f"<mwg-rs:Type>{mark.kind}</mwg-rs:Type>"
        + (f"<mwg-rs:Name>{escape(mark.name)}</mwg-rs:Name>" if mark.name else "")
        + "</rdf:li>"
        for mark in marks
    )
    inner = (
        '<mwg-rs:Regions rdf:parseType="Resource"><mwg-rs:AppliedToDimensions rdf:parseType="Resource">'
        f"<stDim:w>{size[0]}</stDim:w><stDim:h>{size[1]}</stDim:h><stDim:unit>pixel</stDim:unit>"
        f"</mwg-rs:AppliedToDimensions><mwg-rs:RegionList><rdf:Bag>{regions}</rdf:Bag></mwg-rs:RegionList>"
        "</mwg-rs:Regions>"
    )
    return _packet(inner, "XMP Core 5.1.2")


PROGRAMS = (lightroom, digikam, picasa)


def with_xmp(photo, packet):
    """The encoded photo with the packet inside."""
    if photo.startswith(b"\xff\xd8"):
        content = b"http://ns.adobe.com/xap/1.0/\0" + packet
        return photo[:2] + b"\xff\xe1" + struct.pack(">H", len(content) + 2) + content + photo[2:]
    if photo.startswith(b"\x89PNG"):
        content = b"XML:com.adobe.xmp\0\0\0\0\0" + packet
        chunk = struct.pack(">I", len(content)) + b"iTXt" + content
        return photo[:33] + chunk + struct.pack(">I", zlib.crc32(chunk[4:])) + photo[33:]
    chunk = b"XMP " + struct.pack("<I", len(packet)) + packet + b"\0" * (len(packet) % 2)
    return photo[:4] + struct.pack("<I", len(photo) + len(chunk) - 8) + photo[8:] + chunk


def with_orientation(photo, orientation):
    """The JPEG with this EXIF orientation."""
    entry = struct.pack("<HHIHH", 0x0112, 3, 1, orientation, 0)
    content = b"Exif\0\0II*\0\x08\0\0\0\x01\0" + entry + b"\0\0\0\0"
    return photo[:2] + b"\xff\xe1" + struct.pack(">H", len(content) + 2) + content + photo[2:]
