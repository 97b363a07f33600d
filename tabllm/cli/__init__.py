"""The command line: one small file per command; it parses, calls the library and prints."""
