"""What people made of episodes: annotators, and the scores that each of them gave."""

from __future__ import annotations

from pydantic import Field

from sotopia_core.episodes import RewardEntry
from sotopia_core.records import Record


class Annotator(Record):
    """Somebody who annotates episodes."""

    name: str
    email: str = ""


class AnnotationForEpisode(Record):
    """One annotator's scores of one episode: ``rewards`` as in ``EpisodeLog``, an entry an agent in seat order."""

    episode: str = Field(description="Primary key of the episode")
    annotator_id: str
    rewards: tuple[RewardEntry, ...]
    reasoning: str = ""
