"""What local mode says when the machine does not let it start."""


class LocalServerError(Exception):
    """A local server cannot run here; the text is one line for the person at the terminal and says what to do."""
