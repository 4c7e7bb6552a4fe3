"""How fast the mesh is, beside other ways to serve the same work: ``make bench``. No test."""
