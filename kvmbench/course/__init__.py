"""The course: steps in order, each with goal, checks, hints, solution and usual mistakes."""
