// No serious fault that axe-core finds, in any view, light and dark, wide and narrow.

import assert from "node:assert/strict";
import axe from "axe-core";

const VIEWS = [
  "pipelines/recommendation",
  "pipelines/embedding",
  "search",
  "recommend",
  "chat",
  "caption",
];
const GRAVE = ["serious", "critical"];

export default async ({ page, url }) => {
  const found = [];
  for (const colorScheme of ["light", "dark"]) {
    for (const width of [1280, 390]) {
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      await page.setViewportSize({ width, height: 844 });
      for (const view of VIEWS) {
        await page.goto(`${url}/#/${view}`);
        await page.getByRole("heading", { level: 1 }).first().waitFor();
        await fill(page, view);
        await page.evaluate(axe.source);
        const { violations } = await page.evaluate(() => window.axe.run(document));
        for (const { id, impact, nodes } of violations) {
          if (GRAVE.includes(impact)) found.push([colorScheme, width, view, id, nodes[0].html]);
        }
        const wider = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        if (wider > 0) found.push([width, view, `scrolls sideways by ${wider} px`]);
      }
    }
  }
  assert.deepEqual(found, []);
};

/** Bring in what a view shows once it was used. */
async function fill(page, view) {
  if (view === "recommend") {
    await page
      .getByRole("list", { name: "Recommended items" })
      .getByRole("listitem")
      .first()
      .waitFor();
  } else if (view.startsWith("pipelines/embedding")) {
    await page.getByRole("button", { name: "Run" }).click();
    await page.getByRole("table", { name: "The answer" }).waitFor();
  }
}
