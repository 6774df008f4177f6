"""Two agents meet, from Python: the shortest program that plays, judges and prints an interaction.

Run it with ``python examples/minimalist_demo.py``. "offline" is a rule-based stand-in, no language model; put LiteLLM
ids such as "openai/gpt-4o" in its place for real ones.
"""

import asyncio

from sotopia_core.samplers import UniformSampler
from sotopia_core.server import run_async_server


async def main() -> None:
    episodes = await run_async_server(
        model_dict={"env": "offline", "agent1": "offline", "agent2": "offline"},
        sampler=UniformSampler(),
    )
    for turn in episodes[0]:
        for sender, receiver, text in turn:
            if receiver == "Environment" and text != "did nothing":
                print(f"{sender} {text}")


if __name__ == "__main__":
    asyncio.run(main())
