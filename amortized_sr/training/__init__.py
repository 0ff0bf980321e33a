"""Training with Lightning: the task, its data, the callbacks of a run, and the command."""
