"""The harness: rehearses the pipeline's move to AWS in a local world with a clock of its own."""
