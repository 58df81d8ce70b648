"""gen3nb."""
