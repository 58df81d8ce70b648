"""Progress of whatever takes long: a bar, a function of the caller's, or nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

__all__ = ["Meter", "Progress", "report"]

#: ``True`` shows a bar (``tqdm.auto``), ``False`` nothing; a function gets (done, total or None, label).
Progress: TypeAlias = bool | Callable[[int, int | None, str], None]

# A bar for what is done within a second is only flicker.
_DELAY = 1.0


class Meter:
    """Counts what is done and says so.

    Parameters
    ----------
    total : int or None
        How much there is to do, if that is known.
    label : str
        What is being done: ``"Reading case"``.
    tell : callable, optional
        Called with (done, total, label) after each step.
    bar : tqdm, optional
        A bar to move.
    """

    def __init__(
        self,
        total: int | None,
        label: str,
        tell: Callable[[int, int | None, str], None] | None = None,
        bar: Any = None,
    ) -> None:
        self.done = 0
        self.total = total
        self.label = label
        self._tell = tell
        self._bar = bar

    def expect(self, count: int | None) -> None:
        """Say that there is so much more to do; ``None`` where nobody knows."""
        if count is None:
            return
        self.total = (self.total or 0) + count
        if self._bar is not None:
            self._bar.total = self.total

    def advance(self, count: int = 1) -> None:
        """Say that so much more is done."""
        self.done += count
        if self._bar is not None:
            self._bar.update(count)
        if self._tell is not None:
            self._tell(self.done, self.total, self.label)


@contextmanager
def report(progress: Progress, total: int | None, label: str, *, unit: str = "records") -> Iterator[Meter]:
    """Show progress while the block runs.

    Parameters
    ----------
    progress : bool or callable
        ``True`` shows a bar once it takes longer than a second; a function is called with
        (done, total or None, label).
    total : int or None
        How much there is to do.
    label : str
        What is being done.
    unit : str
        What is counted; ``"B"`` is shown as KiB, MiB …

    Yields
    ------
    Meter
        Its ``advance(count)`` moves it on.
    """
    if callable(progress):
        progress(0, total, label)
        yield Meter(total, label, tell=progress)
    elif progress:
        from tqdm.auto import tqdm

        shown = (
            {"unit": "B", "unit_scale": True, "unit_divisor": 1024} if unit == "B" else {"unit": f" {unit}"}
        )
        with tqdm(total=total, desc=label, delay=_DELAY, leave=False, **shown) as bar:
            yield Meter(total, label, bar=bar)
    else:
        yield Meter(total, label)
