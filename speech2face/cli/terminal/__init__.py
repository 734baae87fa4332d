"""The terminal around a command: signals, pipes, progress, and what is printed."""
