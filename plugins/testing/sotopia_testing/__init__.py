"""The testing kit of Sotopia."""
