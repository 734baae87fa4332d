"""A service on this machine: a page for people and HTTP for programs, in one process."""
