// A generated service, here for vectors of bytes: `node service.js http://localhost:8080`
import { createClient } from "@convoy-mesh/client";
import { EmbeddingEncoding, EmbeddingService } from "@convoy-mesh/client/v1";

const mesh = createClient(process.argv[2] ?? "http://localhost:8080");
const embedding = mesh.service(EmbeddingService);

const response = await embedding.embed({
  texts: ["parse a date"],
  encoding: EmbeddingEncoding.INT8,
});
for (const { data, scale } of response.embeddings) {
  const bytes = new Int8Array(data.buffer, data.byteOffset, data.byteLength);
  console.log(bytes.length, "bytes; the first value is about", (bytes[0] ?? 0) * scale);
}

mesh.close();
