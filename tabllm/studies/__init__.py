"""What the commands that fit several models share: a folder in which an interrupted study keeps what is done."""
