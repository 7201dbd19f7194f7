"""What all tests share. The markers `bench`, `guest` and `browser` are declared in pyproject.toml."""
