"""The runtime that carries batches: no transport, no model, and no Ray but in host and link."""
