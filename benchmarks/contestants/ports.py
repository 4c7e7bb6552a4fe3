"""Free ports, for servers that must be told one."""

import socket
from contextlib import ExitStack


def free(count: int) -> list[int]:
    """Give ports that nobody listens on; held together, so that they differ."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
