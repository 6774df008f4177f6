"""``sotopia show``: one record of a store, and of an episode the interaction, the scores and the reasons."""

from __future__ import annotations

from typing import Annotated

import typer

from sotopia_core.errors import InputError, nearest


def show(
    pk: Annotated[str, typer.Argument(metavar="PK", help="The primary key, as sotopia list prints it.")],
    agent: Annotated[
        str | None, typer.Option("--as", metavar="AGENT", help="Of an episode, exactly what this agent was sent.")
    ] = None,
    store: Annotated[str | None, typer.Option(metavar="URL", help="Where to look, such as sqlite:///my.db.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show an episode, a run, a character, a scenario, a relationship or a combo."""
    from sotopia_core.cli.layout import text_width
    from sotopia_core.cli.output import say, say_json
    from sotopia_core.cli.records import find_record, render_record
    from sotopia_core.cli.rows import Names
    from sotopia_core.cli.stores import open_to_read
    from sotopia_core.cli.transcript import render_episode, render_rescoring, render_view, view_document
    from sotopia_core.episodes import EpisodeLog, Rescoring, cast_of

    opened, url = open_to_read(store)
    with opened:
        record = find_record(opened, pk, url)
        names = Names(opened)
        if isinstance(record, EpisodeLog):
            if agent is not None and agent not in cast_of(record):
                there = f"; the agents are {', '.join(cast_of(record))}"
                raise InputError(f"--as {agent}: takes no part in {pk}{nearest(agent, cast_of(record)) or there}")
            if as_json:
                everything = record.model_dump(mode="json") | {"messages": record.messages}
                say_json(everything if agent is None else view_document(record, agent))
            elif agent is not None:
                say(render_view(record, agent, width=text_width()))
            else:
                say(render_episode(record, scenario=names.scenario(record.environment)))
                for rescoring in opened.find(Rescoring, {"episode": record.pk}):
                    say(f"\n{render_rescoring(record, rescoring)}")
        elif agent is not None:
            raise InputError(f"--as {agent}: {pk} is no episode but of the kind {record.kind()}")
        elif as_json:
            say_json(record.model_dump(mode="json"))
        else:
            say(render_record(record, names, width=text_width()))
