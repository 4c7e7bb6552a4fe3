"""Which deployment of a pipeline is the slowest, by what its replicas report."""

from collections.abc import Mapping, Sequence

from convoy_services.mesh.hop import StageReport
from convoy_services.mesh.plan import DeploymentPlan, HopPlan

SMOOTHING = 0.1
"""The weight of the newest batch in the average."""
LEAD = 1.5
"""How many times slower another deployment must be to take over: a tie must not swing."""
IDLE = 0.25
"""Below this part of a batch's flight the bottleneck's compute is not what holds batches up."""


class Bottleneck:
    """Averages the compute time per row of each deployment, shared by its replicas."""

    def __init__(self, hops: Sequence[HopPlan], deployments: Mapping[str, DeploymentPlan]) -> None:
        """Guess until there are reports: work is where the replicas are."""
        self._links = {hop.name: hop.link for hop in hops}
        self._replicas = {link: deployments[link].replicas for link in self._links.values()}
        self._us_per_row = dict.fromkeys(self._replicas, 0.0)
        self.deployment = max(self._replicas, key=self._replicas.__getitem__)
        self._busy = 1.0

    @property
    def computes(self) -> bool:
        """Whether batches spend their time computing there, rather than on their way.

        Where they do not, it is the ingress that is busy, and a second batch under way gains
        nothing: it only makes both smaller, and every hop costs the same for fewer rows.
        """
        return self._busy >= IDLE

    def observe(self, rows: int, reports: Mapping[str, StageReport], flight: float) -> None:
        """Take what the hops of one batch reported into account; ``flight`` is its seconds."""
        for hop, report in reports.items():
            link = self._links[hop]
            share = report.compute_us / rows / self._replicas[link]
            self._us_per_row[link] += SMOOTHING * (share - self._us_per_row[link])
            if link == self.deployment:
                self._busy += SMOOTHING * (report.compute_us / 1e6 / flight - self._busy)
        slowest = max(self._us_per_row, key=self._us_per_row.__getitem__)
        if self._us_per_row[slowest] > LEAD * self._us_per_row[self.deployment]:
            self.deployment = slowest
