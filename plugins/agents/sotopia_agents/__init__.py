"""The agents kit of Sotopia."""
