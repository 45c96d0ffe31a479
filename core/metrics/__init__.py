"""What the service counts and times, for `GET /metrics`: definitions, stages of requests, files, exposition."""
