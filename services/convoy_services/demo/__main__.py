"""``make demo``: semantic search, then a recommender that learns from what users do."""

from convoy_services.cli.console import out
from convoy_services.demo import recommending, searching


def main() -> None:
    """Run both parts; a failure ends it with a traceback and no mesh behind."""
    for part, title in ((searching, "Semantic search"), (recommending, "Recommendation")):
        out.rule(title)
        part.run()


if __name__ == "__main__":
    main()
