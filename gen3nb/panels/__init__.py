"""Panels for the notebook: connect, query, export and submit without code, and see the code that does the same.

>>> from gen3nb import panels  # doctest: +SKIP
>>> panels.Login()  # doctest: +SKIP
"""

from gen3nb.panels.grid import Grid
from gen3nb.panels.login import Login

__all__ = ["Grid", "Login"]
