// How close texts are in meaning: `node embed.js http://localhost:8080`
import { createClient, Timing } from "@convoy-mesh/client";

const mesh = createClient(process.argv[2] ?? "http://localhost:8080");

const timing = new Timing();
const texts = ["parse a date", "read the time", "remove a directory"];
const [asked, ...others] = await mesh.embed(texts, { timing });

for (const [i, vector] of others.entries()) {
  // The vectors are of length one: the dot product is the cosine.
  const cosine = vector.reduce((sum, value, at) => sum + value * (asked?.[at] ?? 0), 0);
  console.log(cosine.toFixed(3), texts[i + 1]);
}

for (const { name, ms } of timing) console.log(name, ms, "ms");
mesh.close();
