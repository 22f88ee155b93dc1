"""`python -m app`."""

import signal

# Until a command says otherwise, Ctrl-C ends the process at once: during the imports a traceback helps nobody.
signal.signal(signal.SIGINT, signal.SIG_DFL)

from app.cli import main  # noqa: E402

main()
