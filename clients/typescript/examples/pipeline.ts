// What a mesh offers, and rows through one of its pipelines: `node pipeline.js localhost:9000`
import { createClient } from "@convoy-mesh/client";
import { Datatype } from "@convoy-mesh/client/v1";

const mesh = createClient(process.argv[2] ?? "localhost:9000");

for (const name of await mesh.pipelines()) {
  const { inputs, outputs } = await mesh.describe(name);
  const told = (columns: typeof inputs) =>
    columns.map((column) => `${column.name} ${Datatype[column.datatype]} [${column.shape}]`);
  console.log(`${name}: ${told(inputs).join(", ")} -> ${told(outputs).join(", ")}`);
}

const batch = await mesh.run("embedding", { text: ["parse a date", "read the time"] });
for (const [row, error] of batch.failures) console.log(`row ${row}: ${error.reason}`);
for (const [row, vector] of batch.column("embedding").vectors().entries())
  console.log(row, vector.length, batch.column("tokens").values[row], "tokens");

mesh.close();
