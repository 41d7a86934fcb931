"""The command line: one thin file a command, each of which parses, calls the library and prints."""
