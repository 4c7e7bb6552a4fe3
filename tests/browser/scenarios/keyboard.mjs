// Everything is reached and used by the keyboard alone.

import assert from "node:assert/strict";

export default async ({ page, url }) => {
  await page.goto(`${url}/#/pipelines/embedding`);
  await page.getByRole("heading", { level: 1, name: "embedding" }).waitFor();
  await page.keyboard.press("Tab");
  assert.equal(await focused(page), "Skip to the content");
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement.id), "main");

  const text = page.getByRole("textbox", { name: /^text BYTES/ });
  await tabTo(page, () => text.evaluate((node) => node === document.activeElement));
  await page.keyboard.press("Control+A");
  await page.keyboard.type("by keyboard");
  await tabTo(page, async () => (await focused(page)) === "Run");
  await page.keyboard.press("Enter");
  await page.getByRole("table", { name: "The answer" }).waitFor();
};

const focused = (page) => page.evaluate(() => document.activeElement.textContent.trim());

async function tabTo(page, there) {
  for (let presses = 0; presses < 100; presses += 1) {
    if (await there()) return;
    await page.keyboard.press("Tab");
  }
  assert.fail("it is not reached");
}
