"""From logs to versions: readers, a simulator, training, evaluation."""
