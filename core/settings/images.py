"""Where images may come from and how large they may be."""

from pydantic import BaseModel, Field

from core.settings.types import Hosts


class ImagesSettings(BaseModel):
    """Where images may come from and how large they may be."""

    images_path: str = Field("", description="Second folder of images that requests may name by path.")
    allow_paths: bool = Field(True, description="Allow images by path.")
    allow_urls: bool = Field(True, description="Allow images by URL.")
    url_allowed_hosts: Hosts = Field(
        (), description="Comma-separated hosts allowed in image URLs. Empty = any public host."
    )
    max_image_bytes: int = Field(10_485_760, gt=0, description="Maximum size of an encoded image, in bytes.")
    max_image_pixels: int = Field(50_000_000, gt=0, description="Maximum size of an image, in pixels (width x height).")
