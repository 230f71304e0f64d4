"""What people do with an incident: acknowledge, silence, rate."""
