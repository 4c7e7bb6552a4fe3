/** What a laid-out graph is made of. */
export interface Point {
  x: number;
  y: number;
}

export interface Box extends Point {
  id: string;
  width: number;
  height: number;
}

export interface Line {
  from: string;
  to: string;
  path: string;
  /** Where it arrives, and whether from above. */
  end: Point;
  down: boolean;
  columns: string[];
  /** Where its label stands; none where there is no room for one. */
  label: Point | undefined;
}

export interface Layout {
  width: number;
  height: number;
  boxes: Map<string, Box>;
  lines: Line[];
  /** All but `roomy` have numbers for labels. `rails`: boxes are rows, lines run beside them. */
  look: "roomy" | "close" | "compact" | "rails";
  /** How much it is made smaller to fit. */
  scale: number;
}
