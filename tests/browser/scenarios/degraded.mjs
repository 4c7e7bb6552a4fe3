// A step that falls back is seen in the graph, and no longer once it is there again.

export default async ({ page, url, say, told }) => {
  await page.goto(`${url}/#/pipelines/recommendation`);
  const step = page
    .getByRole("region", { name: "Steps of recommendation" })
    .getByRole("button", { name: /^rank_dwell/ });
  await step.filter({ hasNotText: /degraded|no replica/ }).waitFor();
  await page.getByRole("button", { name: "Send some load" }).click();
  await step.filter({ hasNotText: "idle" }).waitFor();
  say("busy");

  await told();
  await step.filter({ hasText: /degraded|no replica/ }).waitFor();
  await step.filter({ hasNotText: /degraded|no replica/ }).waitFor();
};
