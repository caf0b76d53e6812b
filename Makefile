# `make rehearse` needs Python >= 3.11 with venv, make and git: no Docker, no Node.js, no AWS account, no root.
PYTHON ?= python3
PIP_INSTALL = -m pip install --quiet --no-compile --disable-pip-version-check
ARGS ?=

.PHONY: help rehearse test render lock clean

help: ## print this
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/'

rehearse: .venv/ready ## run the whole pipeline in the local world and write build/rehearsal/report.html
	.venv/bin/harness rehearse $(ARGS)

test: .venv-tox/ready ## every check: lint, types, unit tests, infrastructure, scenarios
	.venv-tox/bin/tox run

render: .venv-infra/ready ## synthesize the templates and render the manifests into infra/rendered
	.venv-infra/bin/python -m infra render --env dev

lock: ## pin what requirements/*.in ask for
	$(PYTHON) requirements/lock.py

clean: ## remove what the other targets built
	rm -rf .venv .venv-tox .venv-infra .tox build

.venv/ready: requirements/base.lock pyproject.toml
	$(PYTHON) -m venv --clear .venv
	.venv/bin/python $(PIP_INSTALL) -r requirements/base.lock
	.venv/bin/python $(PIP_INSTALL) --no-deps --editable .
	touch $@

.venv-tox/ready: requirements/tox.lock
	$(PYTHON) -m venv --clear .venv-tox
	.venv-tox/bin/python $(PIP_INSTALL) -r requirements/tox.lock
	touch $@

.venv-infra/ready: requirements/infra.lock
	$(PYTHON) -m venv --clear .venv-infra
	.venv-infra/bin/python $(PIP_INSTALL) -r requirements/infra.lock
	touch $@
