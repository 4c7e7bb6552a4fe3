/** Boxes and layouts as styles. */
import type { Box, Layout } from "../graph/shape";

export function place({ x, y, width, height }: Box) {
  return { left: px(x), top: px(y), width: px(width), height: px(height) };
}

/** What is made smaller keeps the room that it had, unless that is taken back. */
export function sizeOf({ width, height, scale }: Layout) {
  const size = { width: px(width), height: px(height) };
  if (scale === 1) return size;
  const [right, bottom] = [px(width * (scale - 1)), px(height * (scale - 1))];
  return { ...size, transform: `scale(${scale})`, margin: `0 ${right} ${bottom} 0` };
}

function px(value: number): string {
  return `${value}px`;
}
