/** The name, the views that the mesh has something for, its state, and the theme. */
import { captioners, chatters, embedders, recommends } from "../state/catalog";
import { connection } from "../state/connection";
import { route } from "../state/route";
import { theme, toggleTheme } from "../state/theme";

export function Header() {
  const views = [
    { name: "Pipelines", view: "pipelines", there: true },
    { name: "Chat", view: "chat", there: chatters.value.length > 0 },
    { name: "Caption", view: "caption", there: captioners.value.length > 0 },
    { name: "Search", view: "search", there: embedders.value.length > 0 },
    { name: "Recommend", view: "recommend", there: recommends.value },
  ];
  return (
    <header class="bar-top">
      <a class="brand" href="#/pipelines">
        <svg viewBox="0 0 28 12" width="28" height="12" aria-hidden="true">
          <path d="M0 1h8v10H0zM10 1h8v10h-8zM20 1h3l5 5-5 5h-3z" />
        </svg>
        Convoy
      </a>
      <nav aria-label="Views">
        <ul>
          {views
            .filter((one) => one.there)
            .map((one) => (
              <li key={one.view}>
                <a
                  href={`#/${one.view}`}
                  aria-current={route.value.view === one.view ? "page" : undefined}
                >
                  {one.name}
                </a>
              </li>
            ))}
        </ul>
      </nav>
      <p class="state">
        <span class={`dot ${connection.value.phase}`} aria-hidden="true" />
        {connection.value.phase}
      </p>
      <button
        type="button"
        class="quiet theme"
        aria-label={theme() === "dark" ? "Light theme" : "Dark theme"}
        onClick={toggleTheme}
      >
        <svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
          {theme() === "dark" ? (
            <path d="M8 4.5a3.5 3.5 0 100 7 3.5 3.5 0 000-7zM7.3 0h1.4v2.6H7.3zM7.3 13.4h1.4V16H7.3zM0 7.3h2.6v1.4H0zM13.4 7.3H16v1.4h-2.6z" />
          ) : (
            <path d="M6 1a7 7 0 109 9A6 6 0 016 1z" />
          )}
        </svg>
      </button>
    </header>
  );
}
