"""The `firstcause` command: assembles what each folder defines."""
