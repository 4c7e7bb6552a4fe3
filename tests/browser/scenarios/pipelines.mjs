// A visitor runs a pipeline: the answer is there with where its time went, and the live figures follow.

import assert from "node:assert/strict";

export default async ({ page, url }) => {
  await page.goto(`${url}/#/pipelines/embedding`);
  await page.getByRole("heading", { level: 1, name: "embedding" }).waitFor();
  const steps = page.getByRole("region", { name: "Steps of embedding" });
  await steps.getByRole("button", { name: /^tokenize/ }).click();
  await page.getByRole("region", { name: "Step tokenize" }).waitFor();

  const region = page.getByRole("region", { name: "Try embedding" });
  await region.getByRole("textbox", { name: /^text BYTES/ }).fill("parse a date\nread the time");
  await region.getByRole("button", { name: "Run" }).click();
  const answer = page.getByRole("region", { name: "Answer" });
  const rows = answer.getByRole("table", { name: "The answer" }).locator("tbody tr");
  await rows.nth(1).waitFor();
  assert.equal(await rows.count(), 2);
  await answer.getByRole("heading", { name: "Where the time went" }).waitFor();
  await answer.getByText("The times as a table").click();
  const times = answer.getByRole("table", { name: "Times in milliseconds" });
  for (const part of ["queue", "batch", "tokenize"]) {
    await times.getByRole("rowheader", { name: part }).first().waitFor();
  }

  await region.getByRole("button", { name: "Send some load" }).click();
  const rate = page.locator("dt", { hasText: "requests/s" }).locator("xpath=../dd");
  await rate.filter({ hasText: /[1-9]/ }).waitFor(); // what Watch tells
  await region.getByRole("button", { name: "Stop" }).click();
  await region.getByRole("button", { name: "Run" }).waitFor();
};
