"""Commons: what users hold, and how they come by it."""

from gen3nb.commons.connecting import connect
from gen3nb.commons.facade import Commons
from gen3nb.commons.registry import open_commons

__all__ = ["Commons", "connect", "open_commons"]
