"""How near predictions come to published measurements, each predicted from its inputs alone."""
