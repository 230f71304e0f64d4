"""The DAGs: schedule, parameters, wiring; and the supervision of streaming drivers."""
