"""The testing kit of Sotopia: what plugin authors test with.

``chat_server`` is an OpenAI-compatible server that replies, and fails, as scripted; ``scripted_model`` is a model that
does so in the same process, for tests that need no HTTP; ``storage`` is the conformance suite of stores;
``redis_server`` starts, kills and hangs real Redis servers.
"""
