"""The agents kit of Sotopia: agents played by a language model, by a script, and by a person at the terminal."""
