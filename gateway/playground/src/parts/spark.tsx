/** The shape of a vector at a glance. */
const WIDTH = 96;
const HEIGHT = 20;
const POINTS = 48;

export function Spark({ values }: { values: readonly number[] }) {
  const each = Math.max(1, values.length / POINTS);
  const points = Array.from({ length: Math.min(POINTS, values.length) }, (_, index) => {
    const part = values.slice(
      Math.floor(index * each),
      Math.max(1, Math.floor((index + 1) * each)),
    );
    return part.reduce((sum, value) => sum + value, 0) / Math.max(1, part.length);
  });
  const most = Math.max(1e-12, ...points.map(Math.abs));
  const bar = WIDTH / points.length;
  return (
    <svg
      class="spark"
      width={WIDTH}
      height={HEIGHT}
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      aria-hidden="true"
    >
      {points.map((value, index) => {
        const height = Math.max(0.5, (Math.abs(value) / most) * (HEIGHT / 2));
        const y = value > 0 ? HEIGHT / 2 - height : HEIGHT / 2;
        return <rect key={index} x={index * bar} y={y} width={bar * 0.7} height={height} />;
      })}
    </svg>
  );
}
