"""Where an API key comes in: by a message, never through a trait, so no notebook can hold it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import anywidget

from gen3nb.client.redaction import Secret
from gen3nb.errors import ProfileError
from gen3nb.panels.style import static

__all__ = ["KeyInput"]

_LARGEST = 200_000


class KeyInput(anywidget.AnyWidget):  # type: ignore[misc] # anywidget has no types of its base
    """A field for an API key file: dropped, chosen, pasted, or named by its path.

    The browser empties its field and sends what it got as a message; here it is held outside of all traits
    until it is used once.
    """

    _esm = static("key_input.js")

    def __init__(self) -> None:
        super().__init__()
        self.path = ""
        self.name = ""
        self._key: Secret | None = None
        self._given: Callable[[], None] | None = None
        self.on_msg(self._received)

    def on_given(self, function: Callable[[], None]) -> None:
        """Call a function when a key or a path came in."""
        self._given = function

    @property
    def given(self) -> bool:
        """Whether there is a key or a path to use."""
        return self._key is not None or bool(self.path)

    def take(self) -> str | dict[str, Any]:
        """Give what came in, for ``gen3nb.connect(credentials=…)``, and forget a key.

        Raises
        ------
        ProfileError
            It is no API key.
        """
        if self._key is None:
            return self.path
        content, self._key = self._key, None
        self.send({"kind": "clear"})
        stripped = content.strip()
        if not stripped:
            raise ProfileError(
                f"{self.name} is empty, so it is no API key file: download a fresh one from the commons' "
                "profile page"
            )
        if not stripped.startswith("{"):
            return {"api_key": Secret(stripped)}
        try:
            document: Any = json.loads(stripped)
        except ValueError:
            document = None
        if not isinstance(document, dict):
            raise ProfileError(
                f"{self.name} is not JSON, so it is no API key file: download a fresh one from the commons' "
                "profile page"
            )
        return {key: Secret(value) if isinstance(value, str) else value for key, value in document.items()}

    def clear(self) -> None:
        """Forget what came in, here and in the browser."""
        self.path, self.name, self._key = "", "", None
        self.send({"kind": "clear"})

    def _received(self, _: Any, content: Any, buffers: Any) -> None:
        if not isinstance(content, Mapping):
            return
        if content.get("kind") == "path":
            self.path, self._key = str(content.get("path", "")).strip(), None
        elif content.get("kind") == "key" and len(str(content.get("text", ""))) <= _LARGEST:
            self._key = Secret(str(content.get("text", "")))
            self.name = str(content.get("name") or "the pasted key")
            self.path = ""
        if self._given is not None:
            self._given()
