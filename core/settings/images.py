"""Where images may come from and how large they may be."""

from pydantic import BaseModel, Field

from core.images.private_hosts import WEB_PORTS
from core.settings.types import Hosts, Ports, PrivateHosts


class ImagesSettings(BaseModel):
    """Where images may come from and how large they may be."""

    images_path: str = Field("", description="Second folder of images that requests may name by path.")
    allow_paths: bool = Field(True, description="Allow images by path.")
    allow_urls: bool = Field(True, description="Allow images by URL.")
    url_allowed_hosts: Hosts = Field(
        (), description="Comma-separated hosts allowed in image URLs. Empty = any public host."
    )
    url_allowed_ports: Ports = Field(
        WEB_PORTS, description="Comma-separated ports allowed in image URLs, also after a redirect."
    )
    url_private_hosts: PrivateHosts = Field(
        (),
        description="Comma-separated hosts and networks that image URLs may lead to although they are not public, each"
        " with an optional port: `cam.lan:8080`, `192.168.1.0/24`, `[fd00::1]:8080`. Without a port, 80 and 443.",
    )
    url_fetches: int = Field(
        4,
        ge=1,
        description="Maximum requests per API key (per IP address if there are no keys) that fetch image URLs at once.",
    )
    max_image_bytes: int = Field(10_485_760, gt=0, description="Maximum size of an encoded image, in bytes.")
    max_image_pixels: int = Field(50_000_000, gt=0, description="Maximum size of an image, in pixels (width x height).")
