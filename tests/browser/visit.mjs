// One visit of the playground by Chromium: node visit.mjs SCENARIO URL
//
// A scenario tells where it is, a line each, and goes on when it is told a line: what happens to
// the mesh meanwhile is the test's. It fails by what it throws, and by what the page complains of.

import assert from "node:assert/strict";
import { createInterface } from "node:readline/promises";
import { chromium } from "playwright-core";

const WITHIN = 60_000; // milliseconds; a deadline, never an expectation

const [name, url] = process.argv.slice(2);
const { default: scenario, options = {} } = await import(`./scenarios/${name}.mjs`);
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
});
try {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  context.setDefaultTimeout(WITHIN);
  const page = await context.newPage();
  const faults = [];
  page.on("pageerror", (error) => faults.push(String(error)));
  page.on("console", (message) => {
    // Chromium itself logs each request that fails; the page is to tell of those.
    if (message.type() === "error" && !/Failed to load resource/.test(message.text())) {
      faults.push(message.text());
    }
  });
  page.on("request", (request) => {
    if (
      !/^(data|blob):/.test(request.url()) &&
      new URL(request.url()).origin !== new URL(url).origin
    ) {
      faults.push(`asked elsewhere: ${request.url()}`);
    }
  });
  await scenario({
    page,
    url,
    say: (word) => console.log(word),
    told: async () => assert.ok(!(await lines.next()).done, "the test has ended"),
  });
  assert.deepEqual(faults, []);
} finally {
  await browser.close();
}
process.exit();
