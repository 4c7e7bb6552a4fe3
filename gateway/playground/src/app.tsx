/** The whole page: what stays in view, and the view of the route. */
import { useSignalEffect } from "@preact/signals";
import { Banner } from "./parts/banner";
import { Header } from "./parts/header";
import { captioners, catalog, chatters, embedders, recommends } from "./state/catalog";
import { connection } from "./state/connection";
import { route } from "./state/route";
import { Caption } from "./views/caption";
import { Chat } from "./views/chat";
import { Pipelines } from "./views/pipelines";
import { Recommend } from "./views/recommend";
import { Search } from "./views/search";

export function App() {
  useSignalEffect(() => {
    const { view, name } = route.value;
    document.title = `${name || view} · Convoy`;
  });
  return (
    <div class={`page ${connection.value.phase}`}>
      <a class="skip" href="#main">
        Skip to the content
      </a>
      <Header />
      <Banner />
      <main id="main" tabIndex={-1}>
        <View />
      </main>
      <Footer />
    </div>
  );
}

function View() {
  const { view, name } = route.value;
  if (catalog.value === undefined) {
    const away = connection.value.phase === "down";
    return (
      <div class="first" role="status">
        <h1>Convoy</h1>
        <p class="soft">
          {away
            ? "The pipelines are shown as soon as the mesh answers."
            : "Asking the mesh what it has…"}
        </p>
      </div>
    );
  }
  if (view === "chat" && chatters.value.length > 0) return <Chat />;
  if (view === "caption" && captioners.value.length > 0) return <Caption />;
  if (view === "search" && embedders.value.length > 0) return <Search />;
  if (view === "recommend" && recommends.value) return <Recommend />;
  return <Pipelines name={view === "pipelines" ? name : ""} />;
}

function Footer() {
  return (
    <footer>
      <p>This gateway also has</p>
      <ul>
        <li>
          <a href="/docs">REST, described</a>
        </li>
        <li>
          <a href="/v1/models">Models</a>
        </li>
        <li>
          <a href="/readyz">Readiness</a>
        </li>
        <li>
          <a href="/metrics">Metrics</a>
        </li>
        <li>
          <a href="licenses.txt">Licences</a>
        </li>
      </ul>
    </footer>
  );
}
