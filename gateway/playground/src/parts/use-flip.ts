/** Lets the children of a list glide to their new places. */
import type { RefObject } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";

const MOVE: KeyframeAnimationOptions = { duration: 420, easing: "cubic-bezier(.2, .7, .2, 1)" };

/** The children have `data-key`, which is theirs from list to list. */
export function useFlip(element: RefObject<HTMLElement | null>, list: unknown): void {
  const places = useRef(new Map<string, DOMRect>());
  useLayoutEffect(() => {
    const children = [...(element.current?.children ?? [])] as HTMLElement[];
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const before = places.current;
    places.current = new Map();
    const origin = element.current?.getBoundingClientRect();
    for (const child of children) {
      const now = child.getBoundingClientRect();
      const place = new DOMRect(now.x - (origin?.x ?? 0), now.y - (origin?.y ?? 0));
      const key = child.dataset.key ?? "";
      const old = before.get(key);
      places.current.set(key, place);
      if (calm || before.size === 0) continue;
      child.animate(old === undefined ? appear() : move(old, place), MOVE);
    }
  }, [element, list]);
}

function appear(): Keyframe[] {
  return [
    { opacity: 0, transform: "scale(.96)" },
    { opacity: 1, transform: "none" },
  ];
}

function move(from: DOMRect, to: DOMRect): Keyframe[] {
  return [
    { transform: `translate(${from.x - to.x}px, ${from.y - to.y}px)` },
    { transform: "none" },
  ];
}
