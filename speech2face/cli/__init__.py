"""The words a user types. Nothing here imports torch before a command needs it."""
