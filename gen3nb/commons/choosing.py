"""Which commons a verb of a frame means, where several may be open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gen3nb.commons.registry import open_commons
from gen3nb.errors import NotConnected

if TYPE_CHECKING:
    from gen3nb.commons.facade import Commons
    from gen3nb.frames.origin import Origin

__all__ = ["chosen"]


def chosen(commons: Commons | None, origin: Origin, *, writing: bool = False) -> Commons:
    """Give the commons: the one named, else the frame's own, else the only one that is open.

    Parameters
    ----------
    commons : Commons, optional
        The one named.
    origin : Origin
        Where the frame comes from.
    writing : bool
        Never write to one of several, nor to another than the frame's own, unless it is named.

    Returns
    -------
    Commons

    Raises
    ------
    NotConnected
        None is open, or it is not clear which is meant.
    """
    if commons is not None:
        if not hasattr(commons, "dictionary"):
            raise NotConnected(
                "commons= is an open commons, as gen3nb.connect(…) and gen3nb.sandbox() give it, "
                f"not a {type(commons).__name__}."
            )
        return commons
    held = open_commons()
    if not held:
        raise NotConnected("No commons is open: commons = gen3nb.connect(…), or gen3nb.sandbox().")
    own = [one for one in held if origin.commons is not None and one.endpoint == origin.commons]
    own = [one for one in own if one.profile == origin.profile] or own
    if own and (len(own) == 1 or not writing):
        return own[0]
    if origin.commons is not None and not own and writing:
        raise NotConnected(
            f"The frame comes from {origin.commons}, which is not open. To write its rows elsewhere, say "
            "where: commons=…."
        )
    if len(held) == 1:
        return held[0]
    names = ", ".join(map(repr, own or held))
    raise NotConnected(f"{len(own or held)} commons are open ({names}): say which, commons=….")
