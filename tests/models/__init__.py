"""Models made for tests: tiny, random, saved as real ones are."""
