/** Light or dark: as the system says until the visitor chooses. */
import { effect, signal } from "@preact/signals";

export type Theme = "light" | "dark";

const KEY = "convoy-theme";
const system = matchMedia("(prefers-color-scheme: dark)");

const chosen = signal<Theme | undefined>(stored());
const preferred = signal<Theme>(ofSystem());

system.addEventListener("change", () => {
  preferred.value = ofSystem();
});

effect(() => {
  document.documentElement.dataset.theme = theme();
});

export function theme(): Theme {
  return chosen.value ?? preferred.value;
}

export function toggleTheme(): void {
  const next = theme() === "dark" ? "light" : "dark";
  chosen.value = next;
  try {
    localStorage.setItem(KEY, next);
  } catch {
    // A browser that keeps nothing forgets the choice.
  }
}

function ofSystem(): Theme {
  return system.matches ? "dark" : "light";
}

function stored(): Theme | undefined {
  try {
    const value = localStorage.getItem(KEY);
    return value === "light" || value === "dark" ? value : undefined;
  } catch {
    return undefined;
  }
}
