"""The models of one version, as their stages call them: numpy in, numpy out."""
