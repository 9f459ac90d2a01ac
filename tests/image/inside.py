"""Runs in mount and process namespaces of its own, as root: builds the image of a Dockerfile and tries a container.

A stage's root has the host's system and Python, read-only, in place of its base image, and everything else empty. That
shows the steps, their order, users, modes and a root that is read-only, but not what a base image lacks.
"""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from tests.image.dockerfile import Stage, read, variables

HEALTHY_S = 60
STOPPED_S = 45
SYSTEM = ("usr", "bin", "sbin", "lib", "lib64")
PASSED_ON = ("PIP_", "NPM_CONFIG_", "NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
"""Variables of the host that a build has: they say from where packages come."""
ASK = "from urllib.request import urlopen as u; print(u('http://127.0.0.1:8000/v1/rooms', timeout=5).read().decode())"
LO_UP = "import fcntl, socket, struct; fcntl.ioctl(socket.socket(), 0x8914, struct.pack('16sH14x', b'lo', 1 | 64))"


class Root:
    """A stage's file system, and the variables, folder and user that its instructions have set."""

    def __init__(self, path: Path, before: dict[str, "Root"], context: Path) -> None:
        self.path, self._before, self._context = path, before, context
        self.env = {"PATH": f"{sys.base_prefix}/bin:/usr/sbin:/usr/bin", "LANG": "C.UTF-8"}
        self.folder, self.user = "/", "0:0"

    def make(self) -> None:
        """Mount what stands in for the base image."""
        self.path.mkdir()
        _do("mount", "-t", "tmpfs", "-o", "mode=755", "none", self.path)
        for name in SYSTEM:
            host = Path("/", name)
            if host.is_symlink():
                (self.path / name).symlink_to(host.readlink())
            elif host.exists():
                self._bind(host)
        self._bind(Path(sys.base_prefix))
        self._bind(Path("/dev"), is_read_only=False)
        shutil.copytree("/etc", self.path / "etc", symlinks=True, ignore_dangling_symlinks=True)
        for name, mode in {"proc": 0o755, "tmp": 0o1777, "run": 0o755, "opt": 0o755, "home": 0o755}.items():
            (self.path / name).mkdir(exist_ok=True)
            (self.path / name).chmod(mode)
        _do("mount", "-t", "proc", "none", self.path / "proc")

    def _bind(self, host: Path, *, is_read_only: bool = True) -> None:
        at = self.path / host.relative_to("/")
        at.mkdir(parents=True, exist_ok=True)
        _do("mount", "--bind", host, at)
        if is_read_only:
            _do("mount", "-o", "remount,bind,ro", at)

    def carry_out(self, word: str, rest: str) -> None:
        """Do what one instruction says."""
        if word == "RUN":
            print(f"RUN {rest}", flush=True)
            _do(*self.entering("sh", "-c", f"cd {self.folder} && {rest}", is_build=True))
        elif word == "ENV":
            self.env |= variables(rest, self.env)
        elif word == "WORKDIR":
            self.folder = rest
            self._at(rest).mkdir(parents=True, exist_ok=True)
        elif word == "USER":
            self.user = rest
        elif word == "COPY":
            *option, source, target = rest.split()
            base = self._before[option[0].removeprefix("--from=")].path if option else self._context
            shutil.copytree(base / source.lstrip("/"), self._at(target), symlinks=True, dirs_exist_ok=True)

    def _at(self, path: str) -> Path:
        return self.path / str(Path(self.folder) / path).lstrip("/")

    def entering(self, *command: str, is_build: bool = False) -> list[str]:
        """Return a command that runs that one in here, as its user, with nothing but its variables."""
        env = dict(self.env)
        if is_build:
            env |= {name: value for name, value in os.environ.items() if name.upper().startswith(PASSED_ON)}
        words = [f"{name}={value}" for name, value in env.items()]
        return ["chroot", f"--userspec={self.user}", str(self.path), "env", "-i", *words, *command]


def main() -> int:
    """Build with the context ``argv[1]`` in the empty folder ``argv[2]``; exits with 0 if a container worked."""
    context, folder = Path(sys.argv[1]), Path(sys.argv[2])
    roots: dict[str, Root] = {}
    stages = read(context / "Dockerfile")
    for number, stage in enumerate(stages):
        root = roots[stage.name] = Root(folder / str(number), dict(roots), context)
        root.make()
        for word, rest in stage.steps:
            root.carry_out(word, rest)
    return _try(root, stages[-1])


def _try(root: Root, stage: Stage) -> int:
    """Start a container whose root is read-only, but for its volume and /tmp; see that it is healthy, and stop it."""
    volume = root.path / stage.last("VOLUME").lstrip("/")
    found = volume.stat()
    mode = f"mode={found.st_mode & 0o777:o},uid={found.st_uid},gid={found.st_gid}"
    _do("mount", "-t", "tmpfs", "-o", mode, "none", volume)
    _do("mount", "-t", "tmpfs", "-o", "mode=1777", "none", root.path / "tmp")
    _do("mount", "-o", "remount,ro", root.path)
    words = root.entering(*stage.command())
    up = f'{sys.executable} -c "{LO_UP}" && cd / && exec "$@"'
    server = subprocess.Popen(["unshare", "--net", "sh", "-c", up, "sh", *words])
    beside = ["nsenter", f"--net=/proc/{server.pid}/ns/net"]
    try:
        _wait_healthy(server, [*beside, *root.entering(*stage.healthcheck())])
        _do(*beside, *root.entering("python", "-c", ASK))
    finally:
        server.terminate()
        code = server.wait(STOPPED_S)
    print(f"stopped with {code}", flush=True)
    return code


def _wait_healthy(server: "subprocess.Popen[bytes]", check: list[str]) -> None:
    until = time.monotonic() + HEALTHY_S
    while subprocess.run(check, stderr=subprocess.DEVNULL, check=False).returncode:
        if server.poll() is not None or time.monotonic() > until:
            raise SystemExit(f"the container is not healthy; its server ended with {server.poll()}")
        time.sleep(0.2)
    print("healthy", flush=True)


def _do(*command: object) -> None:
    subprocess.run([str(word) for word in command], check=True)


if __name__ == "__main__":
    sys.exit(main())
