"""One stack a concern. Everything here needs the CDK; the stacks are wired in infra/app.py."""
