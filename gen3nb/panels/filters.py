"""One filter of the Query panel: the values or the range that a property may have."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ipywidgets import Dropdown, TagsInput, Text, VBox

from gen3nb.errors import ValidationError
from gen3nb.panels.style import button, escape, gap, row, text

if TYPE_CHECKING:
    from gen3nb.dictionary import Property

__all__ = ["Filter"]

_NUMBERS = ("integer", "number")


class Filter:
    """A filter on one property.

    Parameters
    ----------
    prop : Property
    changed : callable
        Called when its values change.
    removed : callable
        Called with the filter when it is taken away.

    Attributes
    ----------
    box : ipywidgets.VBox
    values : ipywidgets.TagsInput or Dropdown, or None
        The values, for text, enum and yes/no.
    low, high : ipywidgets.Text or None
        The range, for numbers.
    """

    def __init__(
        self, prop: Property, changed: Callable[[], None], removed: Callable[[Filter], None]
    ) -> None:
        self.name = prop.name
        self.kind = prop.kind
        self.values: Any = None
        self.low: Any = None
        self.high: Any = None
        remove = button("✕", "g3-link", tooltip=f"remove the filter on {prop.name}")
        remove.on_click(lambda _: removed(self))
        head = row([text(f"<span class='g3-ell'>{escape(prop.name)}</span>"), gap(), remove], "g3-nowrap")
        if prop.kind in _NUMBERS:
            self.low, self.high = _end(f"{prop.name} from", "from"), _end(f"{prop.name} to", "to")
            fields: Any = row([self.low, text("to", "g3-sub"), self.high], "g3-nowrap")
            watched: tuple[Any, ...] = (self.low, self.high)
        elif prop.kind == "boolean":
            self.values = Dropdown(
                options=[("any", None), ("true", True), ("false", False)], description=f"{prop.name} is"
            )
            self.values.add_class("g3-unlabelled")
            fields, watched = self.values, (self.values,)
        else:
            allowed = [str(value) for value in prop.enum or ()]
            self.values = TagsInput(value=[], allowed_tags=allowed, allow_duplicates=False)
            self.values.placeholder = "add a value…"
            fields, watched = self.values, (self.values,)
        for widget in watched:
            widget.observe(lambda _: changed(), "value")
        self.box = VBox([head, fields])
        self.box.add_class("g3-flt")

    @property
    def condition(self) -> Any:
        """What ``where`` gets for this property; ``None`` where nothing is chosen yet.

        Raises
        ------
        ValidationError
            An end of the range is no number.
        """
        if self.kind in _NUMBERS:
            ends = (self._number(self.low), self._number(self.high))
            return None if ends == (None, None) else ends
        if self.kind == "boolean":
            return self.values.value
        return list(self.values.value) or None

    def _number(self, field: Any) -> int | float | None:
        given = field.value.replace("\N{THIN SPACE}", "").replace(" ", "").strip()
        if not given:
            return None
        try:
            return int(given) if given.lstrip("-").isdigit() else float(given)
        except ValueError:
            raise ValidationError(
                f"{field.value!r} is not a number: {self.name} is filtered from one number to another",
                column=self.name,
            ) from None


def _end(label: str, placeholder: str) -> Text:
    made = Text(description=label, placeholder=placeholder, continuous_update=False)
    made.add_class("g3-unlabelled")
    return made
