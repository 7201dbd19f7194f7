"""Pure predicates over a Snapshot."""
