"""The data of an incident, and of what people do with it, as all parts share it."""
