/** Who asks for recommendations, and what for. */
import { categories } from "../recommend/items";
import { again, busy, chosen, DEVICES, device, query, recommend, user } from "../recommend/session";

/** Ids above are taken by nobody in a log of some thousand users. */
const NEW_FROM = 1_000_000;

export function Visitor() {
  const asNew = () => {
    user.value = String(NEW_FROM + Math.floor(Math.random() * NEW_FROM));
    void recommend();
  };
  return (
    <form
      class="visitor"
      aria-label="Visitor"
      onSubmit={(event) => {
        event.preventDefault();
        void recommend();
      }}
    >
      <div class="field">
        <label for="user">User id</label>
        <input
          id="user"
          inputMode="numeric"
          autocomplete="off"
          value={user.value}
          onInput={(event) => {
            user.value = event.currentTarget.value;
          }}
        />
      </div>
      <div class="field">
        <label for="device">Device</label>
        <select
          id="device"
          value={device.value}
          onChange={(event) => {
            device.value = event.currentTarget.value;
            void again();
          }}
        >
          {DEVICES.map((one) => (
            <option key={one} value={one}>
              {one || "not known"}
            </option>
          ))}
        </select>
      </div>
      <div class="field grow">
        <label for="wish">
          Close to <span class="soft">optional</span>
        </label>
        <input
          id="wish"
          type="search"
          autocomplete="off"
          placeholder="words of a title"
          value={query.value}
          onInput={(event) => {
            query.value = event.currentTarget.value;
          }}
        />
      </div>
      <div class="buttons">
        <button type="submit" class="primary" aria-disabled={busy.value}>
          Recommend
        </button>
        <button type="button" onClick={asNew}>
          New visitor
        </button>
      </div>
      <Categories />
    </form>
  );
}

function Categories() {
  const all = [...new Set([...categories(), ...chosen.value])].sort();
  if (all.length < 2) return null;
  const toggle = (name: string) => {
    const next = new Set(chosen.value);
    if (!next.delete(name)) next.add(name);
    chosen.value = next;
    void again();
  };
  return (
    <ul class="chips" aria-label="Only these categories">
      <li class="soft" aria-hidden="true">
        Only
      </li>
      {all.map((name) => (
        <li key={name}>
          <button
            type="button"
            class="chip"
            aria-pressed={chosen.value.has(name)}
            onClick={() => toggle(name)}
          >
            {name}
          </button>
        </li>
      ))}
    </ul>
  );
}
