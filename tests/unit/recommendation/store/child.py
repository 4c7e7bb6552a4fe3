"""A process that records events one after another: child.py URL WRITER EVENTS TIMEOUT.

It prints the number of each when it is recorded; 0 when the store is open.
"""

import sys

from convoy_services.recommendation.store import open_store
from tests.unit.recommendation.store.model import clicked, columns

if __name__ == "__main__":
    url, writer, events = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    with open_store(url, timeout=float(sys.argv[4])) as store:
        print(0, flush=True)
        for n in range(1, events + 1):
            store.record(columns([clicked(writer, n, n)]))
            print(n, flush=True)
