"""The scheduler's plugins, one module each under upstream's name."""
