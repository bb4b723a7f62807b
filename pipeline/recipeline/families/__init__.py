"""What a plugin of each kind promises, one family a file."""
