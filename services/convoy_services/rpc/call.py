"""One call, whatever protocol it came by."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from opentelemetry.context import Context

from convoy import Batch
from convoy.errors import invalid
from convoy_services.mesh.context import BACKGROUND, NORMAL, URGENT
from convoy_services.mesh.request import Request
from convoy_services.mesh.trace import headers

PRIORITIES = {str(p): p for p in (BACKGROUND, NORMAL, URGENT)}

LONGEST = 128
"""Characters of metadata that travel with every row."""


@dataclass(slots=True, kw_only=True)
class Call:
    """What a servicer may know of the call that it answers, and what goes back beside that."""

    deadline: float | None = None
    """Seconds on the event loop's clock; None where the caller named none."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    """Keys in lower case."""
    context: Context = field(default_factory=Context)
    """OpenTelemetry's: the span of the call, and the baggage that came with it."""
    requests: list[Request] = field(default_factory=list)
    """What the call asked of pipelines."""
    trailers: dict[str, str] = field(default_factory=dict)
    """Metadata of the answer."""

    def another(self) -> Self:
        """Give a call of its own for one more request of the same stream."""
        return type(self)(deadline=self.deadline, metadata=self.metadata)

    def timeout(self, default: float) -> float:
        """Give the seconds that remain, or ``default``."""
        if self.deadline is None:
            return default
        return self.deadline - asyncio.get_running_loop().time()

    def request(self, inputs: Batch, timeout: float) -> Request:
        """Make rows that wait for a pipeline; without a deadline they have ``timeout`` seconds.

        Raises ConvoyError INVALID_ARGUMENT for a priority or a tenant that there cannot be.
        """
        get = self.metadata.get
        priority = PRIORITIES.get(get("convoy-priority", str(NORMAL)))
        if priority is None:
            raise invalid("convoy-priority", "a priority is 0, 1 or 2")
        tenant = get("convoy-tenant", "")
        if len(tenant) > LONGEST:
            raise invalid("convoy-tenant", f"a tenant's name has at most {LONGEST} characters")
        traceparent = headers(self.context).get("traceparent") or get("traceparent", "")
        now = asyncio.get_running_loop().time()
        request = Request(
            inputs=inputs,
            deadline=now + timeout if self.deadline is None else self.deadline,
            priority=priority,
            traceparent=traceparent if len(traceparent) <= LONGEST else "",
            tenant=tenant,
            context=self.context,
        )
        self.requests.append(request)
        return request
