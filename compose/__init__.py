"""The pipeline on one machine: the six services of the Dockerfile against stand-ins, with Docker Compose."""
