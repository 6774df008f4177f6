"""The samplers kit of Sotopia."""
