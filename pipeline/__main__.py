"""`python -m pipeline <service>`: the program in the images."""

import os
import sys

from pipeline.cli import main

if __name__ == "__main__":
    code = main(sys.argv[1:], os.environ)
    sys.stdout.flush()
    # Not sys.exit: with several workers a thread may still hang in a transfer that nobody waits for any more.
    os._exit(code)
