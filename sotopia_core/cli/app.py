"""The command line's frame: commands, global options, exit statuses, and errors of one line."""

from __future__ import annotations

import errno
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import typer

from sotopia_core.cli import (
    audit,
    config,
    diff,
    exporting,
    importing,
    init,
    lint,
    listing,
    plugins,
    replay,
    rescore,
    resume,
    run,
    runs,
    show,
    store,
)
from sotopia_core.errors import InputError, ModelAccessError, SotopiaError, one_line
from sotopia_core.terminal import visible_line

EXIT_CRASH: Final = 1
EXIT_BAD_INPUT: Final = 2

app = typer.Typer(
    name="sotopia",
    help="Play, judge and study social interactions among language models, people and scripts.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,
    epilog="Anywhere on the line: --no-plugin NAME leaves a plugin alone, also when it is a distribution's name; "
    "--strict-plugins makes a plugin that cannot be loaded, or that raises in a hook, an error.",
)
app.command("run")(run.run)
app.command("resume")(resume.resume)
app.command("replay")(replay.replay)
app.command("rescore")(rescore.rescore)
app.command("diff")(diff.diff)
app.command("list")(listing.list_)
app.command("show")(show.show)
app.command("audit")(audit.audit)
app.command("import")(importing.import_)
app.command("export")(exporting.export)
app.command("init")(init.init)
app.command("lint")(lint.lint)
app.add_typer(runs.app, name="runs")
app.add_typer(store.app, name="store")
app.add_typer(plugins.app, name="plugins")
app.add_typer(config.app, name="config")


def _version(asked: bool) -> None:
    if asked:
        from importlib_metadata import version

        typer.echo(f"sotopia-core {version('sotopia-core')}")
        raise typer.Exit


@app.callback()
def options(
    log_level: Annotated[str, typer.Option(help="debug, info, warning or error.")] = "warning",
    log_file: Annotated[Path | None, typer.Option(help="Append the log to this file instead of stderr.")] = None,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Set up what all commands share."""
    level = logging.getLevelNamesMapping().get(log_level.upper())
    if level is None:
        raise InputError(f"--log-level {log_level}: expected debug, info, warning or error")
    try:
        handler = logging.FileHandler(log_file, encoding="utf-8") if log_file else logging.StreamHandler()
    except OSError as error:
        raise InputError(f"--log-file {log_file}: cannot be written: {error.strerror}") from None
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logger = logging.getLogger("sotopia")
    logger.handlers[:] = [handler]
    logger.setLevel(level)
    logger.propagate = False


def main() -> None:
    """Run the command line and exit: 0 all well, 3 some episode unscored or failed, 2 bad input, 1 a crash."""
    from sotopia_core.plugins import DISABLED, STRICT, PluginHost

    try:
        rest, disabled, strict = plugin_options(sys.argv[1:])
        # In the environment, so that every registry of this process, and of those it starts, agrees.
        if disabled:
            os.environ[DISABLED] = ",".join(filter(None, [os.environ.get(DISABLED, ""), *disabled]))
        if strict:
            os.environ[STRICT] = "1"
        host = PluginHost.installed()
        host.check_names(disabled)
        host.add_commands(app)
        try:
            app(rest)
        finally:
            sys.stdout.flush()
    except (InputError, ModelAccessError) as error:
        _complain(error)
        sys.exit(EXIT_BAD_INPUT)
    except SotopiaError as error:
        _complain(error)
        sys.exit(EXIT_CRASH)
    except BrokenPipeError:  # whoever read the output has seen enough
        _close_stdout()
        sys.exit(EXIT_CRASH)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        _close_stdout()
        _complain(InputError(f"the output cannot be written: {error.strerror}"))
        sys.exit(EXIT_BAD_INPUT)


def plugin_options(arguments: Sequence[str]) -> tuple[list[str], list[str], bool]:
    """Take the options on plugins out of a command line, since they count before its commands are known.

    Returns the other arguments, the names to disable, and whether to be strict.
    """
    rest: list[str] = []
    disabled: list[str] = []
    strict = False
    given = iter(arguments)
    for argument in given:
        name, equals, value = argument.partition("=")
        if argument == "--":
            rest += [argument, *given]
        elif argument == "--strict-plugins":
            strict = True
        elif name == "--no-plugin":
            value = value if equals else next(given, "")
            if not value:
                raise InputError("--no-plugin: expected the name of a plugin, or of a distribution with plugins")
            disabled.append(value)
        else:
            rest.append(argument)
    return rest, disabled, strict


def _close_stdout() -> None:
    """Leave nothing that the interpreter would try to write on its way out."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _complain(error: SotopiaError) -> None:
    logging.getLogger("sotopia").debug("the error in full", exc_info=error)
    print(f"sotopia: error: {visible_line(one_line(error))}", file=sys.stderr)


if __name__ == "__main__":
    main()
