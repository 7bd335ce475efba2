"""What the files of a project ask to be installed, whatever kind of file it is."""
