/** The mesh behind the gateway that served this page. */
import { createClient } from "@convoy-mesh/client";

/** For what a visitor waits for. */
export const mesh = createClient(location.origin, { timeoutMs: 10_000 });

/** For the stream that tells whether the mesh is there: it fails at once, and is opened again here. */
export const watched = createClient(location.origin, { retry: false });

/** For texts that a model writes: that takes long, and who waits has buttons to stop and to try again. */
export const writer = createClient(location.origin, { timeoutMs: 300_000, retry: false });
