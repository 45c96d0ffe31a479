"""All requests whose answers are recorded, in scenarios."""

from tests.recorded.requests_access import ACCESS
from tests.recorded.requests_faces import FACES
from tests.recorded.requests_gallery import GALLERY
from tests.recorded.requests_images import IMAGES
from tests.recorded.requests_persons import PERSONS
from tests.recorded.requests_service import SERVICE
from tests.recorded.requests_troubles import TROUBLES

REQUESTS = (*SERVICE, *IMAGES, *FACES, *GALLERY, *PERSONS, *ACCESS, *TROUBLES)
