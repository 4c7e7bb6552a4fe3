// What a visitor asks and the mesh refuses says why, where it was asked.

import assert from "node:assert/strict";

export default async ({ page, url }) => {
  await page.goto(`${url}/#/pipelines/similar`);
  const region = page.getByRole("region", { name: "Try similar" });
  await region.getByRole("textbox", { name: /^item INT64/ }).fill("999999999");
  await region.getByRole("button", { name: "Run" }).click();
  const answer = page.getByRole("region", { name: "Answer" });
  await answer.getByText("ITEM_NOT_FOUND").waitFor();

  await page.goto(`${url}/#/pipelines/embedding`);
  const form = page.getByRole("region", { name: "Try embedding" });
  await form.getByText(/deadline, priority/i).click();
  await form.getByRole("textbox", { name: /^dimensions/ }).fill("99999999999");
  await form.getByRole("textbox", { name: /^Deadline/ }).fill("abc");
  await form.getByRole("button", { name: "Run" }).click();
  await form.getByText("99999999999 does not fit INT32.").waitFor();
  await form.getByText("A deadline is some milliseconds, above 0.").waitFor();
  await form.getByRole("textbox", { name: /^dimensions/ }).fill("");
  await form.getByRole("textbox", { name: /^Deadline/ }).fill("1");
  await form.getByRole("button", { name: "Run" }).click();
  const refused = page.getByRole("region", { name: "Answer" }).getByRole("alert");
  await refused.getByText("DEADLINE_EXCEEDED").first().waitFor();

  await page.goto(`${url}/#/recommend`);
  await page.getByRole("textbox", { name: "User id" }).fill("-4");
  await page.getByRole("button", { name: "Recommend", exact: true }).click();
  const alert = page.getByRole("alert").filter({ hasText: "user_id" });
  await alert.waitFor();
  assert.match(await alert.textContent(), /INVALID_ARGUMENT/);

  // A pipeline that cannot be described hides no other.
  await page.route("**/PipelineService/Describe", (route) =>
    route.request().postDataBuffer()?.includes("events") ? route.abort() : route.continue(),
  );
  await page.reload();
  await page.goto(`${url}/#/pipelines/embedding`);
  await page.getByRole("heading", { level: 1, name: "embedding" }).waitFor();
};
