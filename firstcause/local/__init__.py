"""The Docker-free local services: ordinary detached processes, started, watched and stopped."""
