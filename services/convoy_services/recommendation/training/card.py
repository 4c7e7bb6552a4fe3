"""The model card for people, as Markdown."""

from convoy_services.recommendation.model.version import Card
from convoy_services.recommendation.training.evaluate import Table

COLUMNS = ["model", "popularity", "random", "oracle"]


def rows(table: Table) -> list[list[str]]:
    """Give the metrics as text: a name, then a figure a column; empty where there is none."""
    return [
        [name, *(f"{by[who]:.4g}" if who in by else "" for who in COLUMNS)]
        for name, by in table.items()
    ]


def readme(card: Card) -> str:
    """Write the card."""
    sizes = ", ".join(f"{count:,} {name}" for name, count in card.sizes.items())
    lines = [
        "# Recommendation models",
        "",
        "A two-tower recall, item-to-item co-visitation, and two rankers: the probability of a"
        " click at the first position (DCN-v2 with attention over the past), and the expected"
        " seconds watched after it (a log-normal head).",
        "",
        f"- Data: {card.dataset}; {sizes}. SHA-256 `{card.data}`.",
        f"- Trained: {card.date}, seed {card.seed}. SHA-256 of the weights `{card.weights}`.",
        f"- Priors: click {card.priors['p_click']:.4f}, dwell {card.priors['dwell']:.2f} s.",
        *([f"- Titles embedded by {card.text_model}."] if card.text_model else []),
        "",
        "Measured on users not learned from (a tenth of all), on the last seventh of the days,"
        " which was not learned from; their past ends before those days. Afterwards the items'"
        " counters were brought up to the log's end.",
        "",
        "| " + " | ".join(["", *COLUMNS]) + " |",
        "|---" * (len(COLUMNS) + 1) + "|",
        *("| " + " | ".join(row) + " |" for row in rows(card.metrics)),
        "",
        "Popularity orders by clicks, halved every week; for calibration and dwell it is the"
        " log's mean. Personal data: ids of the users learned from are in the weights' files.",
    ]
    return "\n".join(lines) + "\n"
