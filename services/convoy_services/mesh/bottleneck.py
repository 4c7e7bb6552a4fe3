"""Which deployment of a pipeline is the slowest, by what its replicas report."""

from collections.abc import Mapping, Sequence

from convoy_services.mesh.hop import StageReport
from convoy_services.mesh.plan import DeploymentPlan, HopPlan

SMOOTHING = 0.1
"""The weight of the newest batch in the average."""
LEAD = 1.5
"""How many times slower another deployment must be to take over: a tie must not swing."""


class Bottleneck:
    """Averages the compute time per row of each deployment, shared by its replicas."""

    def __init__(self, hops: Sequence[HopPlan], deployments: Mapping[str, DeploymentPlan]) -> None:
        """Guess until there are reports: work is where the replicas are."""
        self._links = {hop.name: hop.link for hop in hops}
        self._replicas = {link: deployments[link].replicas for link in self._links.values()}
        self._us_per_row = dict.fromkeys(self._replicas, 0.0)
        self.deployment = max(self._replicas, key=self._replicas.__getitem__)

    def observe(self, rows: int, reports: Mapping[str, StageReport]) -> None:
        """Take what the hops of one batch reported into account."""
        for hop, report in reports.items():
            link = self._links[hop]
            share = report.compute_us / rows / self._replicas[link]
            self._us_per_row[link] += SMOOTHING * (share - self._us_per_row[link])
        slowest = max(self._us_per_row, key=self._us_per_row.__getitem__)
        if self._us_per_row[slowest] > LEAD * self._us_per_row[self.deployment]:
            self.deployment = slowest
