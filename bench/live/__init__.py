"""Measures the product as a whole: faults and recorded cases go in at Kafka, Slack is read."""
