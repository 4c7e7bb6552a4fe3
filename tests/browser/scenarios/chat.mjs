// A visitor talks with a model: the text streams in, is stopped and asked for anew, a setting that
// is none is told of, and a conversation that the model cannot take says why.

import assert from "node:assert/strict";

/** Tokens; so many that there is time to press Stop, and few enough for a small model. */
const MANY = 400;

export default async ({ page, url }) => {
  await page.goto(url);
  await page.getByRole("navigation", { name: "Views" }).getByRole("link", { name: "Chat" }).click();
  await page.getByRole("heading", { level: 1, name: "Chat" }).waitFor();
  const message = page.getByRole("textbox", { name: "Message" });
  const talk = page.getByRole("region", { name: "Conversation" });
  const said = talk.getByRole("listitem").filter({ has: page.getByRole("heading") });
  const set = (name, text) => page.getByRole("textbox", { name }).fill(text);
  const took = said.getByRole("list", { name: "What it took" });

  // Greedy, so that a model of random weights goes on as long as it may.
  await set("Temperature", "0");
  await set("Max tokens", "200");
  await set("System prompt", "Be brief.");
  await watchTexts(page);
  await message.fill("What is");
  await message.press("Shift+Enter");
  await message.pressSequentially("a mesh?");
  await message.press("Enter");
  await said.filter({ hasText: "You" }).getByText("What is\na mesh?").waitFor();
  await took.getByText(/\d tokens\/s/).waitFor();
  assert.match(await took.textContent(), /first token after .* ms/);
  assert.match(await took.textContent(), /\d+ tokens? read, \d+ written/);
  const lengths = await page.evaluate(() => window.lengths);
  assert.ok(lengths.length > 1, `it came at once: ${lengths}`);
  assert.deepEqual(
    lengths,
    [...lengths].sort((a, b) => a - b),
  );
  await page.getByRole("status").getByText("The model wrote:").waitFor();
  assert.equal(await message.inputValue(), "");

  // A field that is none: nothing is sent, and what was typed stays.
  await set("Temperature", "7");
  await set("Max tokens", "many");
  await message.fill("Go on");
  await page.getByRole("button", { name: "Send" }).click();
  await page.getByText("“many” is not a whole number.").waitFor();
  await page.getByText("Take 0 to 2; 0 is the likeliest token.").waitFor();
  await page.getByRole("alert").getByText("Max tokens, Temperature").waitFor();
  assert.equal(await message.inputValue(), "Go on");

  // Stopped, it keeps its text; then it is asked for anew, and the conversation goes on.
  await page.getByRole("button", { name: "New conversation" }).click();
  await page.getByRole("list", { name: "Things to say" }).waitFor();
  await set("Temperature", "0");
  await set("Max tokens", String(MANY));
  await stopAtFirstWord(page);
  await page.getByRole("button", { name: "Send" }).click();
  await page.getByRole("status").getByText("Stopped.").waitFor();
  await took.getByText("stopped").waitFor();
  assert.ok(Number(/(\d+) tokens? written/.exec(await took.textContent())?.[1]) < MANY);
  await set("Max tokens", "4");
  await page.getByRole("button", { name: "Regenerate" }).click();
  await took.getByText("ended at the limit of tokens").waitFor();
  assert.match(await took.textContent(), /read, 4 written/);
  await message.fill("And then?");
  await message.press("Enter");
  await took.nth(1).waitFor();
  assert.equal(await said.count(), 4);

  // What the mesh refuses is told beside the turn, and may be tried again.
  await message.fill("word ".repeat(20_000));
  await page.getByRole("button", { name: "Send" }).click();
  const refused = said.getByRole("alert");
  await refused.getByText("INVALID_ARGUMENT").waitFor();
  await refused.locator("code").getByText("messages", { exact: true }).waitFor();
  await page.getByRole("button", { name: "Try again" }).waitFor();
};

/** Keep how long the model's text was, each time that it changed. */
async function watchTexts(page) {
  await page.evaluate(() => {
    window.lengths = [];
    const talk = document.querySelector("[aria-label=Conversation]");
    new MutationObserver(() => {
      const length = talk.querySelector(".model .written")?.textContent.length;
      if (length !== undefined && length !== window.lengths.at(-1)) window.lengths.push(length);
    }).observe(talk, { subtree: true, childList: true, characterData: true });
  });
}

/** Press Stop as soon as there is a word: a small model is done before a hand is there. */
async function stopAtFirstWord(page) {
  await page.evaluate(() => {
    const talk = document.querySelector("[aria-label=Conversation]");
    const stop = [...document.querySelectorAll("button")].find((one) => one.textContent === "Stop");
    new MutationObserver((_, observer) => {
      if (!talk.querySelector(".model .written")) return;
      observer.disconnect();
      stop.click();
    }).observe(talk, { subtree: true, childList: true });
  });
}
