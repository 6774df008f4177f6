"""The rules, in one table, and the function that applies them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sotopia_core.database.files import Refusal
from sotopia_core.lint import authormarks, casting, duplicates, fields, leaks, references
from sotopia_core.lint.finding import Finding, Rule
from sotopia_core.lint.subjects import Entry, Subjects
from sotopia_core.records import Record

RULES: Final[tuple[Rule, ...]] = (
    Rule(
        "unreadable",
        "error",
        "what stands in the place of a record cannot be read as one",
        '{"first_name": "Ann", "secrets": "Cannot swim."}',
        fields.unreadable,
    ),
    Rule(
        "no-name",
        "error",
        "a character has no name",
        '{"first_name": " ", "age": 30, "secret": "Cannot swim."}',
        fields.no_name,
    ),
    Rule(
        "unplayable-name",
        "error",
        "a character's name is reserved, or breaks the line",
        '{"first_name": "Environment", "age": 30, "secret": "Cannot swim."}',
        fields.unplayable_name,
    ),
    Rule(
        "no-age",
        "warning",
        "a character has no age",
        '{"first_name": "Ann", "secret": "Cannot swim."}',
        fields.no_age,
    ),
    Rule(
        "no-secret",
        "warning",
        "a character has no secret",
        '{"first_name": "Ann", "age": 30}',
        fields.no_secret,
    ),
    Rule(
        "secret-in-profile",
        "warning",
        "public_info or personality_and_values, which others are told, holds the secret",
        '{"first_name": "Ann", "age": 30, "public_info": "She once robbed a bank.", "secret": "Once robbed a bank."}',
        leaks.secret_in_profile,
    ),
    Rule(
        "no-scenario",
        "error",
        "a scenario is empty, for everybody or for the agent in some seat",
        '{"scenario": "", "agent_goals": ["Sell the boat.", "Buy the boat."]}',
        fields.no_scenario,
    ),
    Rule(
        "no-goal",
        "error",
        "a goal is empty, as its owner reads it",
        '{"scenario": "Two meet in a harbour.", "agent_goals": ["Sell the boat.", ""]}',
        fields.no_goal,
    ),
    Rule(
        "too-few-goals",
        "error",
        "a scenario has fewer than two goals, and so fewer than two seats",
        '{"scenario": "Two meet in a harbour.", "agent_goals": ["Sell the boat."]}',
        fields.too_few_goals,
    ),
    Rule(
        "malformed-mark",
        "error",
        "a mark is not closed, closes nothing or names no viewer, so that everybody reads it as text",
        '{"scenario": "Two meet.", "agent_goals": ["Sell. <extra_info>It leaks.", "Buy."]}',
        authormarks.malformed_mark,
    ),
    Rule(
        "unknown-mark",
        "warning",
        "a tag looks like a mark and is none, so that everybody reads it as text",
        '{"scenario": "Two meet.", "agent_goals": ["Sell. <extra_inf>It leaks.</extra_inf>", "Buy."]}',
        authormarks.unknown_mark,
    ),
    Rule(
        "unknown-seat",
        "error",
        "a passage is for a seat that the scenario does not have, so that only the judge reads it",
        '{"scenario": "Two meet. <p viewer=\\"agent_2\\">It rains.</p>", "agent_goals": ["Sell.", "Buy."]}',
        authormarks.unknown_seat,
    ),
    Rule(
        "goal-in-goal",
        "warning",
        "a goal tells its owner what another's goal is",
        '{"scenario": "Two meet.", "agent_goals": ["Sell the old boat.", "The other wants to sell the old boat."]}',
        leaks.goal_in_goal,
    ),
    Rule(
        "goal-in-scenario",
        "warning",
        "the scenario tells others what an agent's goal is",
        '{"scenario": "Ann is here to sell the old boat.", "agent_goals": ["Sell the old boat.", "Enjoy the day."]}',
        leaks.goal_in_scenario,
    ),
    Rule(
        "secret-in-scenario",
        "warning",
        "the scenario tells everybody a character's secret",
        '{"first_name": "Ann", "age": 30, "secret": "Once robbed a bank."}\n'
        '{"scenario": "Two meet, one of whom once robbed a bank.", "agent_goals": ["Chat.", "Listen."]}',
        leaks.secret_in_scenario,
    ),
    Rule(
        "malformed-constraint",
        "error",
        "a constraint cannot be read, has not one entry for each seat, or contradicts itself",
        '{"scenario": "Two meet.", "agent_goals": ["Sell.", "Buy."], "age_constraint": "[(70, 18), (18, 70)]"}',
        casting.malformed_constraint,
    ),
    Rule(
        "unmet-constraint",
        "warning",
        "no character, or not enough of them, fulfil a constraint",
        '{"first_name": "Ann", "age": 30, "occupation": "Chef", "secret": "Cannot swim."}\n'
        '{"scenario": "Two meet.", "agent_goals": ["Sell.", "Buy."], "occupation_constraint": "[actor, nan]"}',
        casting.unmet_constraint,
    ),
    Rule(
        "unmet-relationship",
        "warning",
        "no two characters have the relationship that a scenario is for, where relationships are kept",
        '{"pk": "A", "first_name": "Ann", "age": 30, "secret": "Cannot swim."}\n'
        '{"pk": "B", "first_name": "Bob", "age": 40, "secret": "Cannot read."}\n'
        '{"agent_1_id": "A", "agent_2_id": "B", "relationship": "acquaintance"}\n'
        '{"scenario": "Two meet.", "agent_goals": ["Sell.", "Buy."], "relationship": "friend"}',
        casting.unmet_relationship,
    ),
    Rule(
        "misfit-cast",
        "error",
        "a combo seats more or fewer agents than there are goals, or two of one name",
        '{"pk": "E", "scenario": "Two meet.", "agent_goals": ["Sell.", "Buy."]}\n{"env_id": "E", "agent_ids": ["A"]}',
        references.misfit_cast,
    ),
    Rule(
        "dangling-reference",
        "error",
        "a combo, a relationship or a list refers to what is not there, where others of its kind are",
        '{"pk": "A", "first_name": "Ann", "age": 30, "secret": "Cannot swim."}\n'
        '{"agent_1_id": "A", "agent_2_id": "B", "relationship": "friend"}',
        references.dangling,
    ),
    Rule(
        "same-pk",
        "error",
        "different records of one kind have one pk",
        '{"pk": "A", "first_name": "Ann", "age": 30, "secret": "Cannot swim."}\n'
        '{"pk": "A", "first_name": "Ann", "age": 31, "secret": "Cannot swim."}',
        duplicates.same_pk,
    ),
    Rule(
        "same-name",
        "warning",
        "two characters have one name",
        '{"first_name": "Ann", "age": 30, "secret": "Cannot swim."}\n'
        '{"first_name": "Ann", "age": 40, "secret": "Cannot read."}',
        duplicates.same_name,
    ),
    Rule(
        "same-scenario",
        "warning",
        "two scenarios have one codename and one setting",
        '{"codename": "boat", "scenario": "Two meet.", "agent_goals": ["Sell.", "Buy."]}\n'
        '{"codename": "boat", "scenario": "Two meet.", "agent_goals": ["Buy.", "Sell."]}',
        duplicates.same_scenario,
    ),
    Rule(
        "same-text",
        "warning",
        "scenarios of two codenames, or characters of two names, say the same word for word",
        '{"first_name": "Ann", "age": 30, "secret": "Cannot swim."}\n'
        '{"first_name": "Bob", "age": 40, "secret": "Cannot swim."}',
        duplicates.same_text,
    ),
    Rule(
        "same-combo",
        "warning",
        "two combos seat one cast in one scenario",
        '{"pk": "C1", "env_id": "E", "agent_ids": ["A", "B"]}\n{"pk": "C2", "env_id": "E", "agent_ids": ["A", "B"]}',
        duplicates.same_combo,
    ),
    Rule(
        "same-pair",
        "warning",
        "two characters have two relationships",
        '{"pk": "R1", "agent_1_id": "A", "agent_2_id": "B", "relationship": "friend"}\n'
        '{"pk": "R2", "agent_1_id": "B", "agent_2_id": "A", "relationship": "stranger"}',
        duplicates.same_pair,
    ),
)
"""All rules. An error is what cannot be played, or not as it is meant; a warning is what should be looked at."""


def lint(subjects: Subjects, rules: Sequence[Rule] = RULES) -> list[Finding]:
    """Return what the rules find, in the order in which the records were read, and that of the rules for each."""
    position = {id(subject): at for at, subject in enumerate(subjects.read)}
    found = [
        (position[id(subject)], _finding(rule, subject, message))
        for rule in rules
        for subject, message in rule.check(subjects)
    ]
    return [finding for _, finding in sorted(found, key=lambda one: one[0])]


def _finding(rule: Rule, subject: Entry[Record] | Refusal, message: str) -> Finding:
    if isinstance(subject, Refusal):
        return Finding(rule.name, rule.severity, message, subject.place)
    record = subject.record
    return Finding(rule.name, rule.severity, message, subject.place, record.kind(), record.pk, subject.name)
