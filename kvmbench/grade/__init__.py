"""Grading: submissions run on benches of their own, looked at from outside, scored from signed evidence."""
