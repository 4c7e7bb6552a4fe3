"""What the mesh tells of itself: traces, metrics, timings, logs."""
