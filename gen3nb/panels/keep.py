"""Put what a panel shows into the notebook as a variable."""

from __future__ import annotations

import builtins
import keyword
from collections.abc import Callable
from typing import Any

from ipywidgets import Text

from gen3nb.errors import Gen3Error
from gen3nb.panels.style import button, code, icon, row, text

__all__ = ["Keep"]


class Keep:
    """A name field and “Keep”: the value becomes a variable of the notebook.

    Parameters
    ----------
    label : str
        What stands before the field: ``"As DataFrame ▸"``.
    name : str
        The name that is proposed.
    value : callable
        Gives what is kept.
    guard : callable
        Runs the handler and shows its errors; the panel's.
    """

    def __init__(self, label: str, name: str, value: Callable[[], Any], guard: Callable[[Any], None]) -> None:
        self._value = value
        self._kept: dict[str, int] = {}
        self.name = Text(value=name, description="Variable name", continuous_update=False)
        self.name.add_class("g3-unlabelled")
        self.name.add_class("g3-name")
        self.button = button("Keep")
        self._said = text("", "g3-sub")
        self.box = row([text(label), self.name, self.button, self._said])
        self.button.on_click(lambda _: guard(self.keep))

    def keep(self) -> None:
        """Put the value into the notebook.

        Raises
        ------
        Gen3Error
            The name is none, or there is no notebook.
        """
        name = self.name.value.strip()
        if not name.isidentifier() or keyword.iskeyword(name):
            raise Gen3Error(
                f"{name!r} cannot be a variable's name: letters, digits and _ only, no digit first"
            )
        if hasattr(builtins, name):
            raise Gen3Error(f"{name!r} is a word of Python's own: choose another name")
        from IPython.core.getipython import get_ipython

        shell = get_ipython()
        if shell is None:
            raise Gen3Error("there is no notebook to keep it in: take it from the panel's attributes")
        value = self._value()
        before = shell.user_ns.get(name)
        if before is not None and before is not value and self._kept.get(name) != id(before):
            self._kept[name] = id(before)
            taken = f"{code(name)} is in use in your notebook; Keep again to replace it"
            self._said.value = f"<span role='status'>{taken}</span>"
            return
        shell.user_ns[name] = value
        self._kept[name] = id(value)
        self._said.value = f"<span role='status'>{icon('check')} {code(name)} is in your notebook</span>"
