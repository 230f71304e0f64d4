"""Single fields of foreign records: times, levels, service names, trace ids."""
