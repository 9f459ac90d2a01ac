"""Load tests: open-loop bots that see what viewers see, and a verdict on what was lost, doubled or late.

Run ``python -m loadtests --help``. Nothing here imports the server.
"""
