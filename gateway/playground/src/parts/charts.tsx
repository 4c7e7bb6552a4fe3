/** The live charts of a pipeline. */
import { Chart, type Series } from "./chart";

const inMilliseconds = (seconds: number | undefined) =>
  seconds === undefined ? undefined : seconds * 1000;

const THROUGHPUT: readonly [Series, Series] = [
  { name: "rows", value: (one) => one.rowsPerSecond },
  { name: "requests", value: (one) => one.requestsPerSecond },
];
const BATCH: readonly [Series, Series] = [
  { name: "rows", value: (one) => one.batchRows },
  { name: "requests", value: (one) => one.batchRequests },
];
const LATENCY: readonly [Series, Series] = [
  { name: "p50", value: (one) => inMilliseconds(one.p50Seconds) },
  { name: "p99", value: (one) => inMilliseconds(one.p99Seconds) },
];

export function Charts({ pipeline }: { pipeline: string }) {
  return (
    <div class="charts">
      <Chart title="Throughput" unit="/s" pipeline={pipeline} series={THROUGHPUT} />
      <Chart title="Batch size" unit="" pipeline={pipeline} series={BATCH} />
      <Chart title="Latency" unit="ms" pipeline={pipeline} series={LATENCY} />
    </div>
  );
}
