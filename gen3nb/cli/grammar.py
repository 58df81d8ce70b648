"""How a command line is read: what every command and group of ours does on top of Typer's.

- ``--profile`` and ``--verbose`` before or after the command;
- booleans as the Go clients take them: ``--flag``, ``--flag=true``, ``--flag=false`` (also 1, 0, t, f);
- without arguments a group shows its help; a misspelt command names the nearest;
- Ctrl-C ends with 130.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypeVar

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from gen3nb.cli import commands, messages
from gen3nb.cli.catching import INTERRUPTED
from gen3nb.cli.plain_values import taken_plainly

__all__ = ["INTERRUPTED", "Command", "Commands", "Group", "Root"]

F = TypeVar("F", bound=Callable[..., Any])

# what Go's strconv.ParseBool takes
_TRUE = frozenset({"1", "t", "T", "true", "TRUE", "True"})
_FALSE = frozenset({"0", "f", "F", "false", "FALSE", "False"})
_PROFILE = "gen3nb.profile"


def _keep_profile(ctx: typer.Context, value: str | None) -> None:
    if value is not None:
        ctx.meta[_PROFILE] = value


def _be_verbose(value: bool) -> None:
    if value:
        messages.be_verbose()


def _common(
    profile: Annotated[
        str | None,
        typer.Option(
            "--profile",
            "-p",
            metavar="NAME",
            help="A profile of ~/.gen3/gen3_client_config.ini.",
            expose_value=False,
            callback=_keep_profile,
        ),
    ] = None,
    verbose: Annotated[
        bool,
        typer.Option(
            "--verbose",
            help="Say on standard error what is done.",
            expose_value=False,
            is_eager=True,
            callback=_be_verbose,
        ),
    ] = False,
) -> None:
    """Take the options that may stand anywhere."""


def _parsed(function: Any) -> dict[str, Any]:
    """Give the parser's options of a function, by name."""
    app = typer.Typer(add_completion=False)
    app.command()(function)
    return {str(param.name): param for param in get_command(app).params}


_COMMON = _parsed(_common)


def _with_common(params: Sequence[Any]) -> list[Any]:
    """Add the common options to a command's own, before ``--help``, which is the last."""
    names = {param.name for param in params}
    further = [param for name, param in _COMMON.items() if name not in names]
    return taken_plainly([*params[:-1], *further, *params[-1:]])


def _plain_booleans(ctx: Any, params: Sequence[Any], words: Sequence[str]) -> list[str]:
    """Turn ``--flag=true`` into ``--flag``, and ``--flag=false`` into its opposite or into nothing."""
    flags: dict[str, tuple[Any, bool]] = {}
    for param in params:
        if getattr(param, "is_bool_flag", False):
            flags |= dict.fromkeys(param.opts, (param, True))
            flags |= dict.fromkeys(param.secondary_opts, (param, False))
    plain: list[str] = []
    for at, word in enumerate(words):
        if word == "--":
            return [*plain, *words[at:]]
        option, given, value = word.partition("=")
        if not given or option not in flags:
            plain.append(word)
            continue
        param, meaning = flags[option]
        if value not in _TRUE | _FALSE:
            raise typer.BadParameter(f"{value!r} is neither true nor false", ctx=ctx, param_hint=option)
        wanted = meaning if value in _TRUE else not meaning
        if wanted:
            plain.append(param.opts[0])
        elif param.secondary_opts:
            plain.append(param.secondary_opts[0])
        else:  # such a flag is off unless it is named
            plain = [earlier for earlier in plain if earlier not in param.opts]
    return plain


class Command(TyperCommand):
    """One command."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Give its own options, and those that every command takes."""
        return _with_common(super().get_params(ctx))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the words after the command's name."""
        rest = super().parse_args(ctx, _plain_booleans(ctx, self.get_params(ctx), args))
        if "profile" in ctx.params and ctx.params["profile"] is None:
            ctx.params["profile"] = ctx.meta.get(_PROFILE)
        return rest

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Give the words of the usage line, an argument's name as it stands: Typer puts it in braces."""
        return [piece.removeprefix("{").removesuffix("}") for piece in super().collect_usage_pieces(ctx)]

    def invoke(self, ctx: Any) -> Any:
        """Run the command; Ctrl-C ends it, and what the rooms below say of the rest is shown."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as stop:
            messages.failed(str(stop) or "Interrupted.")
            raise typer.Exit(INTERRUPTED) from None
        except BrokenPipeError:  # Typer would call it a failure
            raise typer.Exit(messages.CLOSED) from None


class Group(TyperGroup):
    """A group of commands."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Give its own options, and those that every command takes."""
        return _with_common(super().get_params(ctx))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the words after the group's name; without any, show its help."""
        if not args and not ctx.resilient_parsing:
            args = ["--help"]
        return super().parse_args(ctx, _plain_booleans(ctx, self.get_params(ctx), args))

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """List the commands, each with its whole first sentence."""
        found = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        rows = [(name, each.get_short_help_str(1000)) for name, each in found if each and not each.hidden]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


class Root(Group):
    """``gen3nb`` itself: its commands are those of :mod:`gen3nb.cli.commands`, loaded when they are used."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        # names only, for suggestions
        self.commands = dict.fromkeys(self.list_commands(None), self)

    def list_commands(self, ctx: Any) -> list[str]:
        """Name the commands."""
        return [entry.name for _, entries in commands.SECTIONS for entry in entries if not entry.hidden]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Load a command."""
        entry = commands.find(cmd_name)
        if entry is None:
            return None
        found = entry.load()
        if isinstance(found, Commands):
            group = typer.main.get_group(found)
            group.name, group.hidden = entry.name, entry.hidden
            return group
        alone = Commands()
        loose = {"allow_extra_args": True, "ignore_unknown_options": True} if entry.loose else {}
        alone.command(entry.name, hidden=entry.hidden, context_settings=loose or None)(found)
        return get_command(alone)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the overview."""
        formatter.write(commands.overview())


class Commands(typer.Typer):
    """A group of commands: ``app = Commands("What it is about.")``, then ``@app.command("ls")``.

    Parameters
    ----------
    help : str, optional
        What the group is about; its first sentence is that of its line in :mod:`gen3nb.cli.commands`.
    cls : type, optional
        What it becomes for the parser.
    **settings : Any
        Further ones of ``typer.Typer``.
    """

    def __init__(self, help: str | None = None, *, cls: type[Group] = Group, **settings: Any) -> None:
        settings.setdefault("add_completion", False)
        super().__init__(
            help=help,
            cls=cls,
            # plain text is as good in a pipe, and needs no further library
            rich_markup_mode=None,
            # a traceback with local variables could show a key
            pretty_exceptions_enable=False,
            context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
            **settings,
        )

    def command(
        self, name: str | None = None, *, cls: type[TyperCommand] | None = None, **settings: Any
    ) -> Callable[[F], F]:
        """Make a command of a function: as Typer's, with what is ours on top."""
        return super().command(name, cls=cls or Command, **settings)
