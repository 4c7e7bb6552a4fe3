"""``python -m convoy_gateway``."""

from convoy_gateway.main import main

main()
