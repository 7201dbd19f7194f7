"""A Snapshot as a graph, its places, its picture."""
