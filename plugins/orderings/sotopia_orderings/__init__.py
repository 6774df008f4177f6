"""The orderings kit of Sotopia."""
