"""Work that is started as a child process, reports while it goes, and ends for good."""
