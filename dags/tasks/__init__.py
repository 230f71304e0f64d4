"""The task functions of the DAGs, testable without a DAG run."""
