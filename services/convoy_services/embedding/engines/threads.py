"""How many threads an encoder has, and how they wait."""

import os


def passive_threads(threads: int) -> None:
    """Set the environment so that OpenMP runs ``threads`` threads that sleep while they wait.

    Threads that spin (the default) hold the core that others want, and then all lose 5-15 times.
    OpenMP reads the environment as it is loaded: call this before torch is imported. Ray sets
    OMP_NUM_THREADS for its workers, so what is there is overwritten. Raises ValueError where there
    is no thread.
    """
    if threads < 1:
        raise ValueError(f"threads {threads}: at least 1")
    os.environ["OMP_NUM_THREADS"] = str(threads)
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
    os.environ["KMP_BLOCKTIME"] = "0"
