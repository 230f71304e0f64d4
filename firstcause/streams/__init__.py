"""What the drivers of the Spark streaming jobs tell of themselves."""
