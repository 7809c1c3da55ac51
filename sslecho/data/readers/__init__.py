"""Files -> gray frames: one file for each kind of source."""
