// A visitor brings an image, chosen and dropped, and the model tells what is on it.

import assert from "node:assert/strict";

export default async ({ page, url }) => {
  await page.goto(url);
  await page
    .getByRole("navigation", { name: "Views" })
    .getByRole("link", { name: "Caption" })
    .click();
  await page.getByRole("heading", { level: 1, name: "Caption" }).waitFor();
  const form = page.getByRole("form", { name: "Ask about an image" });
  const image = form.getByLabel("Image", { exact: true });
  const ask = form.getByRole("button", { name: "Ask" });
  const reply = page.getByRole("region", { name: "What is on it" });
  const took = reply.getByRole("list", { name: "What it took" });

  // Nothing, and what is no image.
  await ask.click();
  await form.getByRole("alert").getByText("Choose an image first.").waitFor();
  await image.setInputFiles(file("notes.txt", "text/plain", "hello"));
  await form.getByText(/“notes.txt” is none of PNG/).waitFor();

  // One that is chosen.
  const png = await drawn(page);
  await image.setInputFiles(file("square.png", "image/png", png));
  await form.getByText("square.png: 320 × 200").waitFor();
  assert.equal(await form.getByRole("alert").count(), 0);
  await form.getByText("Sampling").click();
  await form.getByRole("textbox", { name: "Temperature" }).fill("0");
  await form.getByRole("textbox", { name: "Max tokens" }).fill("16");
  await ask.click();
  await took.getByText(/first token after .* ms/).waitFor();
  await reply.getByText("A caption square.png").waitFor();
  await page.getByRole("status").getByText("The model wrote:").waitFor();

  // One that is dropped, with a question.
  await drop(page, png);
  await form.getByText("dropped.png: 320 × 200").waitFor();
  await form.getByRole("textbox", { name: "Question" }).fill("What colour is it?");
  await ask.click();
  await reply.getByText("What colour is it? dropped.png").waitFor();
  await took.getByText(/\d+ tokens? read, \d+ written/).waitFor();

  // A setting that is none; what only calls itself an image is the mesh's to refuse.
  await form.getByRole("textbox", { name: "Top-p" }).fill("2");
  await ask.click();
  await form.getByText("Take above 0 to 1.").waitFor();
  await form.getByRole("textbox", { name: "Top-p" }).fill("");
  await image.setInputFiles(file("broken.png", "image/png", "no image at all"));
  await form.getByText("This browser does not show such a file").waitFor();
  await ask.click();
  const refused = reply.getByRole("alert");
  await refused.getByText("INVALID_ARGUMENT").waitFor();
  await refused.locator("code").getByText("image", { exact: true }).waitFor();
};

function file(name, mimeType, content) {
  return { name, mimeType, buffer: Buffer.from(content) };
}

/** A red square, as the bytes of a PNG. */
async function drawn(page) {
  const url = await page.evaluate(() => {
    const canvas = Object.assign(document.createElement("canvas"), { width: 320, height: 200 });
    const pen = canvas.getContext("2d");
    pen.fillStyle = "red";
    pen.fillRect(100, 50, 100, 100);
    return canvas.toDataURL("image/png");
  });
  return Buffer.from(url.split(",")[1], "base64");
}

/** Let go of a file over the page. */
async function drop(page, png) {
  await page.evaluate(
    (bytes) => {
      const dataTransfer = new DataTransfer();
      const type = "image/png";
      dataTransfer.items.add(new File([Uint8Array.from(bytes)], "dropped.png", { type }));
      const happens = { dataTransfer, bubbles: true, cancelable: true };
      for (const event of ["dragover", "drop"])
        document.body.dispatchEvent(new DragEvent(event, happens));
    },
    [...png],
  );
}
