"""What the mesh speaks: one servicer a protobuf service, and the ways in which calls reach it."""
