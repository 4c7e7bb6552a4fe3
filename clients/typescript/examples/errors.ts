// What may go wrong, and how it is told: `node errors.js localhost:9000`
import { Code, ConvoyError, createClient } from "@convoy-mesh/client";

const mesh = createClient(process.argv[2] ?? "localhost:9000", { timeoutMs: 5000 });

async function tell(what: string, call: () => Promise<unknown>): Promise<void> {
  try {
    await call();
    console.log(`${what}: all is well`);
  } catch (error) {
    if (error instanceof ConvoyError) {
      console.log(`${what}: ${Code[error.code]} ${error.reason}: ${error.message}`);
      for (const { field, description } of error.violations)
        console.log(`  ${field}: ${description}`);
      if (error.retryAfterMs !== undefined) console.log(`  again in ${error.retryAfterMs} ms`);
    } else console.log(`${what}: ${error}`);
  }
}

await tell("a pipeline that there is not", () => mesh.run("none", { text: ["a"] }));
await tell("an empty text", () => mesh.embed(["a", ""]));
await tell("a number for a text", () => mesh.run("embedding", { text: [7] }));
await tell("too little time", () => mesh.embed(["a"], { timeoutMs: 0.01 }));
await tell("nobody waits", () => mesh.embed(["a"], { signal: AbortSignal.abort() }));

mesh.close();
