"""The pages of incidents and logs as a part of Airflow's own server."""
