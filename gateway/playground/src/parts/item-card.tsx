/** A recommended item: clicking it watches it. */
import { type ItemDescription, RecallChannel, type RecommendedItem } from "@convoy-mesh/client/v1";
import { figure } from "../figure";
import { itemOf, titleOf } from "../recommend/items";

interface Props {
  item: RecommendedItem;
  rank: number;
  fresh: boolean;
  onWatch: () => void;
}

export function ItemCard({ item, rank, fresh, onWatch }: Props) {
  const known = itemOf(item.itemId);
  const percent = item.clickProbability * 100;
  return (
    <button type="button" class={fresh ? "item fresh" : "item"} onClick={onWatch}>
      <span class="item-head">
        <span class="rank">{rank}</span>
        <span class="item-category">{factsOf(item.itemId, known)}</span>
        {fresh && <span class="badge">new</span>}
      </span>
      <span class="item-title">
        <span class="hidden">Watch </span>
        {titleOf(item.itemId)}
      </span>
      <span class="meter" aria-hidden="true">
        <i style={{ width: `${Math.min(100, percent)}%` }} />
      </span>
      <span class="item-foot">
        <span>
          <b>{figure(percent)}%</b> click
        </span>
        <span>
          <b>{figure(item.watchSeconds)} s</b> expected
        </span>
        <span class="channels">
          <span class="hidden">found by </span>
          {item.channels.map(channelName).join(" · ")}
        </span>
      </span>
    </button>
  );
}

function factsOf(id: bigint, known: ItemDescription | undefined): string {
  const length = known?.seconds ? `${figure(known.seconds)} s long` : "";
  return [known?.category || `item ${id}`, length].filter((one) => one !== "").join(", ");
}

function channelName(channel: RecallChannel): string {
  return (RecallChannel[channel] ?? "other").toLowerCase();
}
