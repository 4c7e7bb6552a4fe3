/** A figure and what it is of; in a `dl`. */
interface Props {
  name: string;
  value: string;
  /** Whether it is something to worry about. */
  bad?: boolean;
}

export function Fact({ name, value, bad = false }: Props) {
  return (
    <div class={bad ? "fact bad" : "fact"}>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}
