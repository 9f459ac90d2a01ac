"""The command line's app, and what several commands take: settings, a data directory, JSON instead of a table."""

from functools import partial
from pathlib import Path
from typing import Annotated

import orjson
from cyclopts import App, Parameter
from cyclopts.config import Env, Toml

from livegift import __version__
from livegift.check import SETTINGS_FILE
from livegift.config import Config

Flag = partial(Parameter, show_env_var=False)
Settings = Annotated[Config, Parameter(name="*", group="Settings")]
Data = Annotated[Path, Parameter(help="The data directory of the server.")]
AsJson = Annotated[bool, Parameter(name="--json", negative="", show_env_var=False, help="Print JSON for programs.")]

app = App(
    name="livegift",
    help="The open, self-hosted gifting server for live streams.\n\n"
    "Try it: `livegift demo`. Run it: `livegift serve`. Look after it: `status`, `check`, `audit`.",
    help_epilogue="Settings: flags, else LIVEGIFT_* variables, else livegift.toml in the current directory.  \n"
    "Exit codes: 0 done, 1 a check failed, 2 can't run.",
    help_format="markdown",
    version=__version__,
    config=[Env("LIVEGIFT_", command=False), Toml(SETTINGS_FILE, use_commands_as_keys=False, allow_unknown=True)],
    result_action="return_value",
)


def print_json(value: object) -> None:
    """Print one JSON document on stdout."""
    print(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())
