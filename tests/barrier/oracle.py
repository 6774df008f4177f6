"""Who may know what, from the design's table alone: nothing here looks at how the kernel decides it."""

from __future__ import annotations

from tests.barrier.worlds import World

OTHERS_SEE = {
    0: set(),
    1: set(),
    2: {"age", "gender", "occupation", "gender_pronoun", "public_info"},
    3: {"age", "gender", "occupation", "gender_pronoun", "public_info", "personality_and_values"},
    4: {"age", "gender", "occupation", "gender_pronoun", "public_info", "personality_and_values"},
    5: {"age", "gender", "occupation", "gender_pronoun", "public_info", "personality_and_values"},
}
JUDGE = "the judge"
LAST = 10**9


def who_may_know(world: World, until: int = LAST) -> dict[str, set[str]]:
    """Return for each mark the names of all who may know it, upon the observations of turn ``until`` at the latest."""
    left: dict[str, int] = {}
    for turn, name, action, _ in world.happened:
        if action.action_type == "leave":
            left[name] = turn
    known = {mark: _before_turn_0(world, *origin) for mark, origin in world.origin.items() if origin[0] != "said"}
    for turn, name, action, mark in world.happened:
        told = {name, *action.to} if action.to else set(world.names)
        there = {other for other in world.names if left.get(other, LAST) >= turn}
        known[mark] = (told & there if turn < until else set()) | {JUDGE}
    return known


def _before_turn_0(world: World, kind: str, *where: object) -> set[str]:
    match kind, *where:
        case "nobody", *_:
            return set()
        case "profile", owner, field:
            others = {
                viewer
                for viewer in world.names
                if viewer != owner and field in OTHERS_SEE[_level(world, viewer, str(owner))]
            }
            return {JUDGE, str(owner)} | (set() if world.plan.mode == "lite" else others)
        case "scenario", "all":
            return {JUDGE, *world.names}
        case "scenario", "judge":
            return {JUDGE}
        case "scenario", int(seat):
            return {JUDGE, *world.names[seat : seat + 1]}
        case "goal", owner, part:
            return {JUDGE} | _who_reads_a_goal(world, world.names[int(str(owner))], part)
    raise AssertionError(f"no rule for {kind} {where}")


def _who_reads_a_goal(world: World, owner: str, part: object) -> set[str]:
    shown = set(world.names) if world.plan.mode == "omniscient" else {owner}
    match part:
        case "plain":
            return shown
        case "owner":
            return {owner}
        case int(seat):
            return shown & set(world.names[seat : seat + 1])
    return set()


def _level(world: World, one: str, other: str) -> int:
    pair = {world.names.index(one), world.names.index(other)}
    for first, second, how in world.plan.stored:
        if {first % world.plan.seats, second % world.plan.seats} == pair:
            return how
    return world.plan.relationship
