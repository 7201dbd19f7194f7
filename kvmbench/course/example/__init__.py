"""What `kvmbench new-step` copies: a step, its notebook and its test; `desk` becomes the name asked for."""
