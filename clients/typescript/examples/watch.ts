// What the pipelines do, once a second: `node watch.js http://localhost:8080`
import { createClient } from "@convoy-mesh/client";

const mesh = createClient(process.argv[2] ?? "http://localhost:8080");

for await (const { pipelines } of mesh.watch({ timeoutMs: 3000 }))
  for (const { pipeline, ready, requestsPerSecond, p99Seconds } of pipelines) {
    const slowest = p99Seconds === undefined ? "" : `, 99 % within ${p99Seconds} s`;
    console.log(`${pipeline}: ${ready ? requestsPerSecond.toFixed(1) : "not ready"}/s${slowest}`);
  }

mesh.close();
