// A visitor pastes text and finds by meaning what no word of the query is in.

import assert from "node:assert/strict";

const PASSAGES = [
  "The cat sleeps on the warm windowsill all afternoon.",
  "Interest rates rose again, and borrowing became dearer.",
  "Whisk the eggs with sugar until the mixture is pale.",
  "The engine misfired, so the mechanic replaced a spark plug.",
];

export default async ({ page, url }) => {
  await page.goto(url);
  await page
    .getByRole("navigation", { name: "Views" })
    .getByRole("link", { name: "Search" })
    .click();
  await page.getByRole("heading", { level: 1, name: "Search" }).waitFor();
  const passages = page.getByRole("region", { name: "Passages" });
  await passages.getByRole("textbox", { name: "Passages" }).fill(PASSAGES.join("\n"));
  await passages.getByRole("button", { name: "Index" }).click();
  await passages.getByText("4 passages indexed").waitFor();

  const results = page.getByRole("list", { name: "Results" }).getByRole("listitem");
  for (const [query, found] of [
    ["a pet takes a nap", 0],
    ["the price of a loan", 1],
    ["baking a cake", 2],
    ["car repair", 3],
  ]) {
    await page.getByRole("searchbox", { name: "Search for" }).fill(query);
    await results.first().filter({ hasText: PASSAGES[found] }).waitFor();
  }
  const similarities = (await results.allInnerTexts()).map((text) =>
    Number(/-?\d\.\d+/.exec(text)?.[0]),
  );
  assert.deepEqual(
    similarities,
    [...similarities].sort((a, b) => b - a),
  );
};
