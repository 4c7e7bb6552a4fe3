/** What a search found, the nearest first. */
import type { Hit } from "../search/passages";

export function Hits({ hits }: { hits: readonly Hit[] }) {
  return (
    <ol class="hits" aria-label="Results">
      {hits.map(({ passage, score }, index) => (
        <li key={`${index} ${passage}`}>
          <p>{passage}</p>
          <p class="score">
            <span class="meter" aria-hidden="true">
              <i style={{ width: `${Math.max(0, score) * 100}%` }} />
            </span>
            <span class="hidden">Similarity </span>
            {score.toFixed(3)}
          </p>
        </li>
      ))}
    </ol>
  );
}
