"""Files of a commons for every library that opens addresses by ``fsspec``: ``gen3://`` and ``drs://``.

>>> import pandas as pd
>>> pd.read_csv("gen3://mycommons/dg.ABCD/0f…")  # doctest: +SKIP
"""

from gen3nb.filesystem.drs import DrsFileSystem
from gen3nb.filesystem.gen3 import Gen3File, Gen3FileSystem

__all__ = ["DrsFileSystem", "Gen3File", "Gen3FileSystem"]
