// Results as they come, until there are enough: `node stream.js http://localhost:8080`
import { createClient } from "@convoy-mesh/client";

const mesh = createClient(process.argv[2] ?? "http://localhost:8080");
const text = Array.from({ length: 200 }, (_, i) => `text number ${i}`);

let rows = 0;
for await (const { firstRow, batch } of mesh.stream("embedding", { text }, { priority: 0 })) {
  rows += batch.rows;
  console.log(`rows ${firstRow} to ${firstRow + batch.rows - 1}`);
  if (rows >= 100) break; // which cancels the rest
}

mesh.close();
