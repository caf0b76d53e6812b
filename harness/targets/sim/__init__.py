"""The `sim` target: the embedded cluster on the modelled AWS, in virtual time, with pip alone."""
