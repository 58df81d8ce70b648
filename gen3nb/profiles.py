"""Profiles: which commons you use, and the key of each, in ``~/.gen3/gen3_client_config.ini``.

The file is the one of ``gen3-client`` and ``data-client``; whichever program wrote a profile, the others can
use it.

>>> from gen3nb import profiles
>>> profiles.configure("mycommons", "credentials.json")  # doctest: +SKIP
>>> profiles.names()  # doctest: +SKIP
['mycommons']
"""

from gen3nb.client.configuring import configure, remove, set_default
from gen3nb.client.profiles import Profile, default, get, names, path

__all__ = ["Profile", "configure", "default", "get", "names", "path", "remove", "set_default"]
