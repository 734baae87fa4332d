"""Sound in: `audio` opens anything as a `sound.Sound`; `arriving` reads a pipe while it fills."""
