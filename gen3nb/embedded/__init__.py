"""The practice commons: a real Gen3-compatible server on loopback, run by ``python -m gen3nb.embedded``.

It shares no code with the clients (it imports nothing else of gen3nb), so that it can prove them wrong.
"""
