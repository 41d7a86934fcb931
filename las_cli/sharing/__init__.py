"""Models between people: the hub, its cache, hashes, cards, other formats."""
