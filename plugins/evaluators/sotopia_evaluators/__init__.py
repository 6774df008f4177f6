"""The evaluators kit of Sotopia."""
