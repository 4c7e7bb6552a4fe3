// The mesh ends under the page and comes back: it says so, and works on without a reload.

import assert from "node:assert/strict";

export default async ({ page, url, say, told }) => {
  await page.goto(`${url}/#/pipelines/embedding`);
  await page.evaluate(() => {
    window.neverReloaded = true;
  });
  const run = page
    .getByRole("region", { name: "Try embedding" })
    .getByRole("button", { name: "Run" });
  const rows = page.getByRole("table", { name: "The answer" }).locator("tbody tr");
  await run.click();
  await rows.first().waitFor();
  say("answered");

  await told();
  const banner = page.getByRole("status").filter({ hasText: "The mesh is away" });
  await banner.waitFor();
  assert.match(await banner.textContent(), /UNAVAILABLE/);
  await run.click();
  await page
    .getByRole("region", { name: "Answer" })
    .getByRole("alert")
    .filter({ hasText: "UNAVAILABLE" })
    .waitFor();
  say("away");

  await told();
  await banner.waitFor({ state: "hidden" });
  await run.click();
  await rows.first().waitFor();
  assert.ok(await page.evaluate(() => window.neverReloaded));
};
