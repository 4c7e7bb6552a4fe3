/** Says when the mesh is away, why, and when it is tried again; and when it is back. */
import { useEffect, useState } from "preact/hooks";
import { connection, tryNow } from "../state/connection";
import { messageOf, Reason } from "./error-note";

export function Banner() {
  const now = connection.value;
  return (
    <div role="status" class="banner-place">
      {now.phase === "down" && (
        <div class="banner down">
          <p>
            <b>The mesh is away</b> since {clock(now.since)}. <Reason error={now.error} />{" "}
            {messageOf(now.error)}
          </p>
          <p class="banner-next">
            <Countdown to={now.nextTry} />
            <button type="button" class="quiet" onClick={tryNow}>
              Try now
            </button>
          </p>
        </div>
      )}
      {now.phase === "live" && now.back && <p class="banner back">The mesh is back.</p>}
    </div>
  );
}

/** Not read aloud: it changes each second. */
function Countdown({ to }: { to: number }) {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 250);
    return () => clearInterval(timer);
  }, []);
  const seconds = Math.ceil((to - now) / 1000);
  return (
    <span aria-hidden="true">
      {seconds > 0 ? `Trying again in ${seconds} s.` : "Trying again…"}
    </span>
  );
}

function clock(time: number): string {
  return new Date(time).toLocaleTimeString("en-GB");
}
