"""Assembly: pieces of a line become the line, lines of a stack trace become one event."""
