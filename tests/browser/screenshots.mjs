// The pictures of docs/: node screenshots.mjs URL FOLDER, while `make playground` runs.

import { chromium } from "playwright-core";

const [url, folder] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
});

await picture("pipeline", {}, pipeline);
await picture("pipeline-dark", { colorScheme: "dark" }, pipeline);
await picture("search", {}, search);
await picture("recommend", {}, recommend);
await picture("recommend-dark", { colorScheme: "dark" }, recommend);
const phone = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };
await picture("pipeline-phone", phone, pipeline);
await picture("recommend-phone", phone, recommend);
await browser.close();

async function picture(name, options, visit) {
  const context = await browser.newContext({
    viewport: { width: 1280, height: 900 },
    deviceScaleFactor: options.isMobile ? 2 : 1,
    reducedMotion: "reduce",
    ...options,
  });
  const page = await context.newPage();
  await visit(page);
  await page.evaluate(() => {
    document.activeElement.blur();
    scrollTo(0, 0);
  });
  await page.screenshot({ path: `${folder}/${name}.png` });
  await context.close();
}

/** The recommender under load. */
async function pipeline(page) {
  await page.goto(`${url}/#/pipelines/recommendation`);
  await page.getByRole("button", { name: "Send some load" }).click();
  await page.waitForTimeout(8000); // so long that the charts have a shape
}

async function search(page) {
  await page.goto(`${url}/#/search`);
  await page.getByRole("button", { name: "Index" }).click();
  await page.getByText(/\d+ passages indexed/).waitFor();
  await page.getByRole("list", { name: "Searches to try" }).getByRole("button").first().click();
  await page.getByRole("list", { name: "Results" }).getByRole("listitem").first().waitFor();
}

/** A visitor who has watched two items. */
async function recommend(page) {
  await page.goto(`${url}/#/recommend`);
  await page.getByRole("button", { name: "New visitor" }).click();
  const items = page.getByRole("list", { name: "Recommended items" }).getByRole("listitem");
  const watched = page.getByRole("region", { name: "Watched" }).getByRole("listitem");
  for (let count = 1; count <= 2; count += 1) {
    await items.first().getByRole("button").click();
    await watched.nth(count - 1).waitFor();
    await page.waitForTimeout(1000); // until the list has settled
  }
}
