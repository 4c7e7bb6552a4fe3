"""A process that has an engine and says which processes that takes, until it is killed."""

import sys
import threading
from pathlib import Path

from tests.vllm.driver import processes, running

if __name__ == "__main__":
    with running(Path(sys.argv[1])):
        print(*(one.pid for one in processes()), flush=True)
        threading.Event().wait()
