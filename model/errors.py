"""The one exception that a user sees as a line, never as a stack trace."""


class SoundbeamError(Exception):
    """Something the user can mend.

    The message is one line that names the file, folder or option and says what to do. Every program
    prints it on stderr and ends with a non-zero code.
    """
