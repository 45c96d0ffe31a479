"""`python -m api.cli` is `face-service` where that is not installed."""

from api.cli import main

main()
