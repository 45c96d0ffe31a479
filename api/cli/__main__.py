"""`python -m api.cli`: runs `face-service` where it is not installed."""

from api.cli import main

main()
