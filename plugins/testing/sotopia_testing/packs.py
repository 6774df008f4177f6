"""What every pack of characters and scenarios must be, as tests that the author of one runs over it."""

# Tests are named by the behaviour they hold a pack to, which leaves docstrings nothing to add.
# ruff: noqa: D102

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from sotopia_core.database.files import read_pool_files
from sotopia_core.environment import ParallelSotopiaEnv
from sotopia_core.lint import lint, read_files
from sotopia_core.messages import Background
from sotopia_core.packs import Pack
from sotopia_core.profiles import AgentProfile, Combo, EnvAgentComboStorage, EnvironmentProfile
from sotopia_core.records import Record
from sotopia_testing.casts import InOrder


class PackContract:
    """Tests of what a pack must be: subclass it, and give it a ``pack``.

    ::

        class TestTales(PackContract):
            @pytest.fixture
            def pack(self) -> Pack:
                return TALES

    A pack of scenarios without characters, or the other way round, is a pack; what needs both is then not looked at.
    """

    @pytest.fixture
    def pack(self) -> Pack:
        """The pack under test. To be given by the subclass."""
        raise NotImplementedError(f"{type(self).__name__} needs a fixture 'pack' that returns the pack to test")

    @pytest.fixture
    def records(self, pack: Pack) -> Sequence[Record]:
        """All records of the pack."""
        return read_pool_files([str(path) for path in pack.files], Path())

    def test_it_has_a_name_and_says_what_it_is(self, pack: Pack) -> None:
        assert type(pack) is Pack
        assert pack.name.strip() == pack.name != "", f"{pack.name!r} is no name"
        assert pack.description.strip(), f"{pack.name} has no description"

    def test_its_files_are_there_whatever_the_working_directory(self, pack: Pack) -> None:
        assert pack.files, "a pack without files brings nothing"
        for path in pack.files:
            assert path.is_absolute(), f"{path} depends on the working directory"
            assert path.is_file(), f"{path} is not there"

    def test_it_can_be_read(self, records: Sequence[Record]) -> None:
        assert [one for one in records if isinstance(one, AgentProfile | EnvironmentProfile)]

    def test_lint_finds_no_error(self, pack: Pack) -> None:
        found = lint(read_files([str(path) for path in pack.files], Path()))
        assert not [str(finding) for finding in found if finding.severity == "error"]

    def test_primary_keys_and_names_are_its_own(self, records: Sequence[Record]) -> None:
        keys = [(type(one), one.pk) for one in records]
        assert len(set(keys)) == len(keys)
        names = [one.name for one in records if isinstance(one, AgentProfile)]
        assert len(set(names)) == len(names), "two characters share a name, and could never meet"

    def test_every_scenario_can_be_played_and_keeps_its_secrets(self, records: Sequence[Record]) -> None:
        cast = [one for one in records if isinstance(one, AgentProfile)]
        for scenario in (one for one in records if isinstance(one, EnvironmentProfile)):
            assert len(scenario.agent_goals) >= Combo.MINIMUM, f"{scenario.label} has too few goals to be played"
            if not cast:
                continue
            assert len(cast) >= len(scenario.agent_goals), f"{scenario.label} needs more characters than there are"
            combo = Combo(environment=scenario, agents=tuple(cast[: len(scenario.agent_goals)]))
            for name, observation in ParallelSotopiaEnv(combo, ordering=InOrder()).reset().items():
                assert observation.background is not None
                given_away = others_secrets(observation.background, combo, name)
                assert not given_away, f"{scenario.label} tells {name} the secret of {given_away[0]}"

    def test_its_combos_refer_to_what_is_there(self, records: Sequence[Record]) -> None:
        pks = {one.pk for one in records}
        for combo in (one for one in records if isinstance(one, EnvAgentComboStorage)):
            missing = {combo.env_id, *combo.agent_ids} - pks
            assert not missing, f"combo {combo.pk} refers to {sorted(missing)[0]}, which the pack does not bring"


def others_secrets(background: Background, combo: Combo, viewer: str) -> list[str]:
    """Return whose secret stands, word for word, in what a viewer is told."""
    told = background.model_dump_json()
    return [one.name for one in combo.agents if one.name != viewer and one.secret and one.secret in told]
