"""Connect to a commons: by a profile, by an API key file, or to a practice commons."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ipywidgets import Dropdown, VBox

import gen3nb
from gen3nb.client import profiles
from gen3nb.errors import Gen3Error, NotConnected
from gen3nb.panels.base import Job, Panel
from gen3nb.panels.code import call
from gen3nb.panels.keep import Keep
from gen3nb.panels.key_input import KeyInput
from gen3nb.panels.style import badge, button, code, escape, gap, number, text

if TYPE_CHECKING:
    from gen3nb.client.identity import Identity
    from gen3nb.commons import Commons

__all__ = ["Login"]

_SHOWN = 3  # projects
_LAST_DAYS = 4.0
_DAY = 86_400.0


class Login(Panel):
    """Connect to a commons (``gen3nb.connect``), or to a practice commons (``gen3nb.sandbox``).

    A key goes from the browser to Python in a message and is used once: no widget, notebook or repr holds it.

    Parameters
    ----------
    commons : Commons, optional
        Show this connection; by default the only one that is open.

    Attributes
    ----------
    commons : Commons or None
        The connection, once there is one.
    identity : Identity or None
        What ``commons.whoami()`` said.
    profile : ipywidgets.Dropdown
    key : KeyInput
    connect, practice, logout : ipywidgets.Button

    Examples
    --------
    >>> login = gen3nb.panels.Login()  # doctest: +SKIP
    >>> login.commons.projects()  # doctest: +SKIP
    """

    heading = "Connect"

    def __init__(self, commons: Commons | None = None) -> None:
        super().__init__(commons)
        self.identity: Identity | None = None
        self._asked = False
        self.profile = Dropdown(description="Commons you have used")
        self.key = KeyInput()
        self.connect = button("Connect", primary=True)
        self.practice = button("Use the practice commons")
        self.logout = button("Log out")
        self._profile_note = text("", "g3-sub")
        self._all = button("", "g3-link")
        self._details = text()
        self.keep = Keep("As variable ▸", "commons", lambda: self.commons, self.guard)
        self.on(self.connect, self._connect)
        self.on(self.practice, self._practise)
        self.on(self.logout, self._leave)
        self.on(self._all, lambda: self._show_identity(everything=True))
        self.when(self.profile, "value", self._chosen)
        self.key.on_given(lambda: self.guard(self._write_code))
        self.begin()

    # not connected

    def _not_connected(self) -> None:
        self._form()

    def _build(self) -> None:
        if self.commons is not None and not self.commons.closed:
            self._connected(self.commons)
        else:
            self._form()

    def _form(self) -> None:
        self.commons = None
        self.identity = None
        self.title("Connect", "")
        right = VBox(
            [
                text("<span class='g3-lab'>or a new one: drop its API key file, or give its path</span>"),
                self.key,
            ]
        )
        right.layout.grid_gap = "0"
        left = VBox([self.profile, self._profile_note])
        columns = VBox([left, right])
        columns.add_class("g3-cols")
        self.body.children = (columns,)
        self.foot.children = (
            self.connect,
            self.practice,
            text("no account needed", "g3-sub"),
            gap(),
            self.drawer.button,
        )
        self._list_profiles()
        self._write_code()

    def _list_profiles(self) -> None:
        names = profiles.names()
        options: list[tuple[str, str]] = []
        for name in names:
            where = urlsplit(profiles.get(name).endpoint).netloc
            options.append((f"{name} — {where}" if where else name, name))
        default = profiles.default()
        self.profile.options = options or [("none yet", "")]
        self.profile.value = default or options[0][1] if options else ""
        self.profile.disabled = not options
        self._chosen()

    def _chosen(self) -> None:
        name = self.profile.value
        if not name:
            self._profile_note.value = "Profiles are read from ~/.gen3/gen3_client_config.ini."
        else:
            until = ""
            try:
                expires = profiles.get(name).credential().key_expires
                if expires is not None:
                    ended = expires < time.time()
                    until = f" Key {'ended' if ended else 'valid until'} {_day(expires)}."
            except Gen3Error as error:
                until = f" {escape(error.message)}"
            self._profile_note.value = f"From your profiles.{until}"
        self._write_code()

    def _write_code(self) -> None:
        start = "import gen3nb\n\ncommons = "
        if self.key.given:
            self.code = start + call("gen3nb.connect", credentials=self.key.path or "credentials.json")
        elif self.profile.value:
            self.code = start + call("gen3nb.connect", self.profile.value)
        else:
            self.code = start + "gen3nb.connect()"

    def _connect(self) -> None:
        self._write_code()
        if self.key.given:
            given = self.key.take()
            self.start("Connecting", lambda _: gen3nb.connect(credentials=given), self._connected)
        elif self.profile.value:
            name = self.profile.value
            self.start("Connecting", lambda _: gen3nb.connect(profile=name), self._connected)
        else:
            self.start("Connecting", lambda _: gen3nb.connect(), self._connected)

    def _practise(self) -> None:
        self.code = "import gen3nb\n\ncommons = gen3nb.sandbox()"

        def begin(_: Job) -> Commons:
            return gen3nb.sandbox()

        self.start("Starting a practice commons", begin, self._connected)

    # connected

    def _connected(self, commons: Commons) -> None:
        self.commons = commons
        self.key.clear()
        self.identity = commons.whoami()
        self.title("Connected", "")
        self.body.children = (self._details, self._all)
        self.foot.children = (self.logout, self.keep.box, gap(), self.drawer.button)
        if not self.code:
            name = commons.profile
            begin = (
                "gen3nb.sandbox()"
                if commons.sandbox is not None
                else call("gen3nb.connect", name or commons.endpoint)
            )
            self.code = f"import gen3nb\n\ncommons = {begin}"
        self._show_identity(everything=False)

    def _show_identity(self, *, everything: bool) -> None:
        who, commons = self.identity, self.commons
        if who is None or commons is None:
            raise NotConnected("the connection was closed: connect again")
        projects = list(who.projects.items())
        shown = projects if everything else projects[:_SHOWN]
        hidden = len(projects) - len(shown)
        self._all.description = f"all {len(projects)} projects"
        self._all.layout.display = None if hidden else "none"
        may = " ".join(
            f"<span class='g3-may'><b>{escape(project)}</b>{_badges(methods)}</span>"
            for project, methods in shown
        )
        person = escape(who.username) + (" <span class='g3-mut'>administrator</span>" if who.admin else "")
        rows = [
            ("Who", f"{person} <span class='g3-mut'>by {escape(who.source)}</span>"),
            ("Commons", f"<span class='g3-mono'>{escape(who.endpoint)}</span>"),
            (
                "May do",
                may or "<span class='g3-mut'>nothing in any project yet: ask the project's lead</span>",
            ),
        ]
        if who.expires is not None:
            left = max(0, int((who.expires - datetime.now(UTC)).total_seconds() // 60))
            renews = ", renewed by itself" if who.key_expires else ""
            rows.append(("Access token", f"<span class='g3-num'>{left}</span> min left{renews}"))
        if who.key_expires is not None:
            days = (who.key_expires - datetime.now(UTC)).total_seconds() / _DAY
            rows.append(
                (
                    "API key",
                    f"<span class='g3-num'>{number(max(0, int(days)))}</span> days left "
                    f"<span class='g3-mut'>({_day(who.key_expires.timestamp())})</span>",
                )
            )
            if days < _LAST_DAYS:
                moment = who.key_expires.astimezone().strftime("%A, %d %b, %H:%M")
                self.say(
                    "w",
                    f"<b>Your API key ends on {escape(moment)}.</b> After that you cannot connect from "
                    "here. Make a "
                    "new key on the commons' profile page and give it here before that.",
                )
        self._details.value = (
            "<dl class='g3-dl'>" + "".join(f"<dt>{name}</dt><dd>{said}</dd>" for name, said in rows) + "</dl>"
        )

    def _leave(self) -> None:
        """Log out; a practice commons ends with its data, so that is asked first."""
        practice = self.commons is not None and self.commons.sandbox is not None
        if practice and not self._asked:
            self._asked = True
            self.say(
                "w",
                "<b>The practice commons ends when you log out.</b> What it holds is gone then, unless it "
                "was started with a folder. Press “Log out” again to end it.",
            )
            return
        self._asked = False
        if self.commons is not None:
            where = self.commons.endpoint
            self.commons.close()
            self._form()
            gone = " The practice commons has ended." if practice else " Your key file stays where it is."
            self.say("i", f"<b>Logged out of</b> {code(where)}.{gone}")


def _badges(methods: tuple[str, ...]) -> str:
    return "".join(badge(name, "o") for name in _methods(methods))


def _methods(methods: tuple[str, ...]) -> list[str]:
    """Give the methods that matter in the order people think of them."""
    usual = ("read", "create", "update", "delete")
    if "*" in methods:
        return list(usual)
    found = [name for name in usual if name in methods]
    return found or list(methods[:4])


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).astimezone().strftime("%d %b %Y").lstrip("0")
