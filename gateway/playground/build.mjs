// Bundles the page into the gateway's static files: index.html, app.js, app.css, licenses.txt.
import { copyFile, readdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = path.dirname(fileURLToPath(import.meta.url));
const out = path.resolve(process.argv[2] ?? path.join(here, "../convoy_gateway/static"));
const CLIENT = path.join(here, "../../clients/typescript/src");

const { metafile } = await build({
  absWorkingDir: here,
  entryPoints: { app: "src/main.tsx" },
  outdir: out,
  bundle: true,
  minify: true,
  format: "esm",
  target: ["chrome112", "firefox113", "safari16.4"],
  jsx: "automatic",
  jsxImportSource: "preact",
  // From its sources, so that nothing else need be built before.
  alias: {
    "@convoy-mesh/client": path.join(CLIENT, "index.browser.ts"),
    "@convoy-mesh/client/v1": path.join(CLIENT, "gen/convoy/v1/index.ts"),
  },
  legalComments: "none",
  metafile: true,
  logLevel: "warning",
});
await copyFile(path.join(here, "src/index.html"), path.join(out, "index.html"));
await writeFile(path.join(out, "licenses.txt"), await licenses(Object.keys(metafile.inputs)));

/** The licences of the packages that the bundle holds code of. */
async function licenses(inputs) {
  const folders = new Map();
  for (const input of inputs) {
    const found = /^(.*node_modules\/)((?:@[^/]+\/)?[^/]+)\//.exec(input);
    if (found !== null) folders.set(found[2], path.resolve(here, found[1], found[2]));
  }
  const texts = [...folders].sort(([a], [b]) => (a < b ? -1 : 1)).map(license);
  return (await Promise.all(texts)).join("\n");
}

async function license([name, folder]) {
  const { version, license } = JSON.parse(await readFile(path.join(folder, "package.json")));
  const file = (await readdir(folder)).find((one) => /^licen[sc]e/i.test(one));
  const text = file === undefined ? "" : await readFile(path.join(folder, file), "utf8");
  return `== ${name} ${version}: ${license}\n\n${text}`;
}
