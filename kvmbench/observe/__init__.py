"""Looking at the bench: changes nothing."""
