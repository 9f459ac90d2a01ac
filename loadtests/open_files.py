"""As many sockets as the system lets a process have."""

import resource


def raise_open_files() -> None:
    """Raise this process' limit of open files as far as it may."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
