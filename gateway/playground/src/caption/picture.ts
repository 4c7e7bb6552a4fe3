/** Image files that a visitor brings; they stay in this page until they are sent. */

import { figure } from "../figure";

/** Bytes; the gateway takes 16 MiB for a whole request. */
export const MOST = 15 * 1024 * 1024;
export const TYPES = ["png", "jpeg", "webp", "gif", "bmp", "tiff"].map((one) => `image/${one}`);
export const NAMES = "PNG, JPEG, WebP, GIF, BMP or TIFF";

export interface Picture {
  file: File;
  /** For a preview. */
  url: string;
}

/** Take a file. Throws Error, in words for its visitor, for one that is not taken. */
export function pictureOf(file: File): Picture {
  // The browser goes by the name's ending, and may not know it: then the mesh decides.
  if (file.type !== "" && !TYPES.includes(file.type))
    throw new Error(`“${file.name}” is none of ${NAMES}.`);
  if (file.size > MOST)
    throw new Error(`“${file.name}” has ${sizeOf(file.size)}; take at most ${sizeOf(MOST)}.`);
  if (file.size === 0) throw new Error(`“${file.name}” is empty.`);
  return { file, url: URL.createObjectURL(file) };
}

/** Bytes in words. */
export function sizeOf(bytes: number): string {
  const kibi = bytes / 1024;
  return kibi < 1024 ? `${figure(kibi)} KiB` : `${figure(kibi / 1024)} MiB`;
}
