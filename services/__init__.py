"""Use-cases: what the service does, without HTTP and without a word on how a face is found or stored."""
