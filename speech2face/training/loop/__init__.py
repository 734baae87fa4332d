"""Train any task: the loop, its configuration, checkpoints, log and processes."""
