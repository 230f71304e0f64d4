"""What people are told of incidents: content, announcements, digests, and how they are sent."""
