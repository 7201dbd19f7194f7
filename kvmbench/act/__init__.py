"""Changing the bench: one noun a file; every action knows the shell lines that it is worth."""
