"""``livegift serve``: starts the processes that are needed, keeps them alive, and leaves none behind.

``serve.py`` is the order of things, ``children.py`` one process kept alive, ``child.py`` the other side of it,
``admin.py`` the admin port, ``plug*.py`` what the demo does there, ``record.py`` what a running server leaves in its
data directory for the command line.
"""
