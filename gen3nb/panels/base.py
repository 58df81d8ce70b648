"""What every panel has: a card with title, messages, progress, code; handlers that never fail in silence."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ipywidgets import Button, IntProgress, VBox

from gen3nb.client.redaction import redact
from gen3nb.errors import (
    Conflict,
    Gen3Error,
    NotConnected,
    PermissionDenied,
    RateLimited,
    ServiceError,
    TimedOut,
    Unavailable,
)
from gen3nb.panels.code import CodeDrawer
from gen3nb.panels.style import button, escape, figure, row, says, style, text

if TYPE_CHECKING:
    from gen3nb.commons import Commons

__all__ = ["Job", "Panel", "host", "sentence"]

_REFRESH = 0.1  # seconds between two drawings of a progress bar
_REDRAW_AT = (Unavailable, TimedOut, RateLimited)


class _Stopped(Exception):
    """Raised in a job's thread by its own progress, to end it."""


class Job:
    """Work in a thread, so that the notebook and the panel's buttons stay free.

    Attributes
    ----------
    stop : threading.Event
        Set when the user presses Cancel.
    """

    def __init__(
        self, panel: Panel, label: str, work: Callable[[Job], Any], done: Callable[[Any], None]
    ) -> None:
        self.stop = threading.Event()
        self.label = label
        self._panel = panel
        self._work = work
        self._done = done
        self._drawn = 0.0
        self._start = time.monotonic()
        self.thread = threading.Thread(target=self._run, name=f"gen3nb {label}", daemon=True)

    def progress(self, done: int, total: int | None, label: str) -> None:
        """Take progress, as every function of gen3nb reports it; ends the work if Cancel was pressed."""
        if self.stop.is_set():
            raise _Stopped
        self.tell(done, total, label)

    def tell(self, done: int, total: int | None, label: str) -> None:
        """Show progress; for work that watches ``stop`` itself."""
        now = time.monotonic()
        if now - self._drawn >= _REFRESH or done == total:
            self._drawn = now
            self._panel._show_progress(done, total, label, now - self._start)

    def _run(self) -> None:
        panel = self._panel
        try:
            result = self._work(self)
        except _Stopped:
            panel._end(self)
            panel.say("i", "<b>Cancelled.</b> Nothing was changed. Your choices are kept.")
        except Exception as error:  # whatever it is, the person at the panel must see it
            panel._end(self)
            panel.fail(error)
        else:
            panel._end(self)
            panel.guard(lambda: self._done(result))


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
        if retry is not None and isinstance(error, _REDRAW_AT):
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
        self._show_progress(0, None, label, 0.0)
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

    def _end(self, job: Job) -> None:
        if self._job is job:
            self._job = None
        self._running.add_class("g3-none")
        for part in (self.body, self.foot, self.after):
            part.remove_class("g3-none")

    def _show_progress(self, done: int, total: int | None, label: str, seconds: float) -> None:
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


def sentence(error: BaseException) -> str:
    """Say an error as HTML: what happened in bold, then the rest; details only for what nobody expected."""
    if not isinstance(error, Gen3Error):
        details = "".join(traceback.format_exception(type(error), error, error.__traceback__))
        what = str(error) or "no reason was given"
        return (
            f"<b>Something went wrong in gen3nb: {escape(type(error).__name__)}.</b> {escape(redact(what))} "
            "Your choices are kept."
            f"<details><summary>Details</summary><pre>{escape(redact(details))}</pre></details>"
        )
    message = redact(error.message)
    first, rest = _parted(message)
    said = f"<b>{escape(first)}</b>{escape(rest)}"
    if isinstance(error, TimedOut):
        said += " Your choices are kept; look before you do it again."
    elif isinstance(error, ServiceError) and not isinstance(error, Conflict):
        said += " Your choices are kept."
    return said


def _parted(message: str) -> tuple[str, str]:
    """Part a message after its first clause, so that what happened stands out."""
    cut = min(
        (at for at in (message.find(mark) for mark in (": ", "; ", ". ", " (")) if at > 15),
        default=len(message),
    )
    first, rest = message[:cut], message[cut:]
    first = first[:1].upper() + first[1:]
    if rest.startswith(": "):
        return first + ":", rest[1:]
    return first, rest if rest.endswith((".", "?", "!", "")) else rest + "."
