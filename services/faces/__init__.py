"""Services for requests about the faces of their own images. They store nothing."""
