"""The local services one by one: Kafka, Cassandra, Airflow, the analyzer."""
