"""What every panel has: a card with title, messages, progress, code; handlers that never fail in silence."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ipywidgets import Button, IntProgress, VBox

from gen3nb.errors import NotConnected, PermissionDenied, RateLimited, Unavailable
from gen3nb.panels.code import CodeDrawer
from gen3nb.panels.jobs import Job
from gen3nb.panels.style import button, escape, figure, row, says, style, text
from gen3nb.panels.wording import sentence

if TYPE_CHECKING:
    from gen3nb.commons import Commons

__all__ = ["Job", "Panel", "host"]

_AGAIN = (Unavailable, RateLimited)


class Panel(VBox):  # type: ignore[misc] # ipywidgets has no types
    """A card in the notebook, over one function of gen3nb.

    Parameters
    ----------
    commons : Commons, optional
        By default the only one that is open.

    Attributes
    ----------
    commons : Commons or None
    error : Exception or None
        What the panel shows as its error, if anything.
    code : str
        The code that does the same.
    """

    heading = "Panel"

    def __init__(self, commons: Commons | None = None) -> None:
        self.commons = commons if commons is not None else _only_open()
        self.error: BaseException | None = None
        self._job: Job | None = None
        self._last: Job | None = None
        self._head = text()
        self._messages = VBox()
        self.body = VBox()
        self._folded: list[Any] = []
        self.drawer = CodeDrawer()
        self.foot = row([], "g3-foot")
        self.after = VBox()
        self.progress_words = text("", "g3-sub")
        self.progress_bar = IntProgress(value=0, min=0, max=100)
        self.progress_figures = text()
        self.cancel = button("Cancel")
        self.cancel.on_click(lambda _: self.guard(self._cancel))
        self._running = row(
            [self.progress_words, self.progress_bar, self.progress_figures, self.cancel],
            "g3-nowrap",
            "g3-none",
        )
        card = VBox(
            [
                self._head,
                self._messages,
                self.body,
                self._running,
                self.after,
                self.foot,
                self.drawer.box,
            ]
        )
        card.add_class("g3-card")
        super().__init__([style(), card])
        self.add_class("g3")
        self.subtitle = ""
        self._show_head()

    def __repr__(self) -> str:
        return f"<panels.{type(self).__name__}: {self.commons!r}>"

    # what it says

    @property
    def code(self) -> str:
        """The code that does the same."""
        return self.drawer.code

    @code.setter
    def code(self, code: str) -> None:
        self.drawer.code = code

    @property
    def message(self) -> str:
        """The messages that the panel shows, as HTML."""
        return " ".join(
            part.value
            for box in self._messages.children
            for part in getattr(box, "children", [])
            if hasattr(part, "value")
        )

    def title(self, heading: str | None = None, subtitle: str | None = None) -> None:
        """Write title and subtitle (plain text)."""
        if heading is not None:
            self.heading = heading
        if subtitle is not None:
            self.subtitle = subtitle
        self._show_head()

    def _show_head(self) -> None:
        self._head.value = (
            "<div class='g3-head'><span class='g3-title' role='heading' aria-level='3'>"
            f"{escape(self.heading)}</span>"
            f"<span class='g3-sub'>{escape(self.subtitle)}</span>{_chip(self.commons)}</div>"
        )

    def say(
        self, kind: str, content: str, actions: Sequence[Button] = (), picture: str | None = None
    ) -> None:
        """Show one message in place of those before.

        Parameters
        ----------
        kind : str
            ``"e"`` error, ``"w"`` look at it, ``"o"`` done, ``"i"`` to know.
        content : str
            HTML, escaped already.
        actions : sequence of Button
            The next steps.
        picture : str, optional
            Another icon.
        """
        box = row([text(says(kind, content, picture)), *actions], "g3-msg", f"g3-{kind}")
        for action in actions:
            action.add_class("g3-sm")
        self._messages.children = (box,)

    def quiet(self) -> None:
        """Take the messages away."""
        self.error = None
        self._messages.children = ()

    def fail(self, error: BaseException, retry: Callable[[], None] | None = None) -> None:
        """Show an error in the panel.

        Parameters
        ----------
        error : Exception
        retry : callable, optional
            What “Try again” does.
        """
        self.error = error
        actions = []
        if retry is not None and isinstance(error, _AGAIN):
            again = button("Try again")
            again.on_click(lambda _: self.guard(retry))
            actions.append(again)
        if isinstance(error, PermissionDenied):
            self.say("w", sentence(error), actions, "lock")
        else:
            self.say("e", sentence(error), actions)

    # what it does

    def on(self, pressed: Button, function: Callable[[], None]) -> None:
        """Call a function when a button is pressed; its errors are shown."""
        pressed.on_click(lambda _: self.guard(function))

    def when(self, widget: Any, trait: str, function: Callable[[], None]) -> None:
        """Call a function when a widget's value changes; its errors are shown."""
        widget.observe(lambda _: self.guard(function), trait)

    def begin(self) -> None:
        """Build the panel, or say why that failed, with the next step."""
        try:
            self._build() if self.commons is not None else self._not_connected()
        except Exception as error:  # nobody else would see it
            self.fail(error, self._begin_again)

    def _begin_again(self) -> None:
        self.quiet()
        self.begin()

    def guard(self, function: Callable[[], None]) -> None:
        """Run a handler: ipywidgets would hide its errors, so they are shown here."""
        try:
            function()
        except Exception as error:  # nobody else would see it
            self.fail(error)

    @property
    def running(self) -> bool:
        """Whether a job runs."""
        return self._job is not None

    def start(self, label: str, work: Callable[[Job], Any], done: Callable[[Any], None]) -> None:
        """Run work in a thread: the form folds to a line with progress and Cancel.

        Parameters
        ----------
        label : str
            What is being done: ``"Reading case"``.
        work : callable
            Gets the job; gives the result.
        done : callable
            Gets the result, also in the thread; shows it.
        """
        if self._job is not None:
            return
        self.quiet()
        self._job = self._last = job = Job(self, label, work, done)
        self.show_progress(0, None, label, 0.0)
        self.cancel.disabled = False
        self.cancel.description = "Cancel"
        for part in (self.body, self.foot, self.after):
            part.add_class("g3-none")
        self._running.remove_class("g3-none")
        job.thread.start()

    def wait(self, timeout: float = 120.0) -> None:
        """Wait until the job that runs, if any, is done.

        Raises
        ------
        TimeoutError
            It still runs after so many seconds.
        """
        end = time.monotonic() + timeout
        job = None
        while job is not self._last:  # what is done may have started the next
            job = self._last
            if job is not None:
                job.thread.join(max(0.0, end - time.monotonic()))
                if job.thread.is_alive():
                    raise TimeoutError(f"{job.label} still runs after {timeout:g} s")

    def _cancel(self) -> None:
        if self._job is not None:
            self._job.stop.set()
            self.cancel.disabled = True
            self.cancel.description = "Stopping…"

    def end(self, job: Job) -> None:
        """Unfold the form again when a job is over."""
        if self._job is job:
            self._job = None
        self._running.add_class("g3-none")
        for part in (self.body, self.foot, self.after):
            part.remove_class("g3-none")

    def show_progress(self, done: int, total: int | None, label: str, seconds: float) -> None:
        """Draw how far a job is."""
        self.progress_bar.bar_style = "" if total else "info"
        self.progress_bar.max = max(total or 1, 1)
        self.progress_bar.value = min(done, total) if total else 0
        amount = f"{figure(done)} of {figure(total)}" if total else (figure(done) if done else "")
        left = ""
        if total and done and seconds > 1:
            left = f"{seconds * (total - done) / done:.0f} s left"
        self.progress_words.value = f"<span role='status'>{escape(label)} {amount}</span>"
        self.progress_figures.value = f"<span class='g3-mut g3-num'>{left}</span>"

    # not connected

    def _not_connected(self) -> None:
        """Say that no commons is open, and how to open one; “Look again” builds the panel."""
        again = button("Look again", primary=True)
        self.on(again, self._look_again)
        self.body.children = (
            text(
                "<div class='g3-state'><b>Not connected yet</b><div class='g3-mut'>Open a commons first, in "
                "a panel: <code>panels.Login()</code>, or in code: <code>commons = gen3nb.connect()</code>. "
                "Without an account: <code>commons = gen3nb.sandbox()</code>, a practice commons on this "
                "machine.</div></div>"
            ),
        )
        self.foot.children = (again,)
        self.code = "import gen3nb\n\ncommons = gen3nb.connect()"

    def _look_again(self) -> None:
        self.commons = _only_open()
        if self.commons is None:
            raise NotConnected(
                "no commons is open: open one with panels.Login() or gen3nb.connect(), then “Look again”"
            )
        self.quiet()
        self._show_head()
        self._build()

    def _build(self) -> None:
        """Fill body and foot once there is a commons."""


def _only_open() -> Commons | None:
    from gen3nb.commons import open_commons

    found = open_commons()
    return found[-1] if len(found) == 1 else None


def host(commons: Commons) -> str:
    """Give the commons' address without scheme."""
    return urlsplit(commons.endpoint).netloc


def _chip(commons: Commons | None) -> str:
    if commons is None or commons.closed:
        return "<span class='g3-chip'><i class='g3-dot g3-off'></i>not connected</span>"
    where = "practice commons" if commons.sandbox is not None else host(commons)
    who = commons.auth.username
    words = f"{who} on {where}" if who else where
    left = ""
    expires = commons.auth.expires_at
    if expires is not None:
        minutes = max(0, int((expires - time.time()) // 60))
        left = f"<span class='g3-mut g3-num' title='until the access token is renewed'>{minutes} min</span>"
    return f"<span class='g3-chip'><i class='g3-dot'></i>{escape(words)} {left}</span>"
