"""Panels for the notebook: connect, query, export and submit, and the code that does the same.

>>> from gen3nb import panels  # doctest: +SKIP
>>> panels.Login()  # doctest: +SKIP
"""

from gen3nb.panels.export import Export
from gen3nb.panels.grid import Grid
from gen3nb.panels.login import Login
from gen3nb.panels.query import Query
from gen3nb.panels.submit import Submit

__all__ = ["Export", "Grid", "Login", "Query", "Submit"]
