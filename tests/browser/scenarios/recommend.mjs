// A visitor watches what is recommended, and the list changes.

import assert from "node:assert/strict";

export default async ({ page, url }) => {
  await page.goto(`${url}/#/recommend`);
  await page.getByRole("heading", { level: 1, name: "Recommend" }).waitFor();
  await page.getByRole("button", { name: "New visitor" }).click();
  const items = page.getByRole("list", { name: "Recommended items" }).getByRole("listitem");
  await items.first().waitFor();
  const ids = () => items.evaluateAll((found) => found.map((one) => one.dataset.key));

  const watched = page.getByRole("region", { name: "Watched" }).getByRole("listitem");
  for (let count = 1; count <= 3; count += 1) {
    const before = await ids();
    await items.first().getByRole("button").click();
    await watched.nth(count - 1).waitFor();
    await page.waitForFunction(
      (gone) => !document.querySelector(`main li[data-key="${gone}"]`),
      before[0],
    );
    assert.notDeepEqual(await ids(), before);
  }

  // An id that is only typed is nobody's list yet, and a double click watches once.
  await page.getByRole("textbox", { name: "User id" }).fill("300");
  const [first] = await ids();
  await items.first().getByRole("button").dblclick();
  await page.waitForFunction(
    (gone) => !document.querySelector(`main li[data-key="${gone}"]`),
    first,
  );
  await page.locator("[aria-label=Recommendations][aria-busy=false]").waitFor();
  assert.equal(await watched.count(), 4);

  // Somebody else.
  await page.getByRole("textbox", { name: "User id" }).fill("17");
  await page.getByRole("button", { name: "Recommend", exact: true }).click();
  await items.first().waitFor();
};
