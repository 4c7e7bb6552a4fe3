/** Which view is shown: `#/pipelines/NAME`, or one of the others as `#/search`. */
import { signal } from "@preact/signals";

export interface Route {
  view: string;
  name: string;
}

export const route = signal(read());

addEventListener("hashchange", () => {
  // Others, such as that of the skip link, lead to a place on the page.
  if (location.hash.startsWith("#/")) route.value = read();
});

export function pipelinePath(name: string): string {
  return `#/pipelines/${encodeURIComponent(name)}`;
}

function read(): Route {
  const [view = "", name = ""] = location.hash.replace(/^#\//, "").split("/");
  return { view: view || "pipelines", name: decoded(name) };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
