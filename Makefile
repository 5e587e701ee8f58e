# make run      try it out: web, worker and a demo mailbox on this machine
# make test     everything on SQLite, and on PostgreSQL what a database can do otherwise
# make check    the fast checks: style, types, imports, templates, migrations, fast tests
# make install  only the virtual environment, with pinned requirements

PYTHON ?= python3
PORT ?= 8000
# Per database. More than the processors of a small machine, as most tests wait for a server now and then.
WORKERS_FOR_TESTS ?= 4
DEMO_OPTIONS ?=

BIN := .venv/bin
PIP := $(BIN)/python -m pip install -qq --disable-pip-version-check
PYTHON_SCRIPTS := scripts/make-env scripts/requirements-table scripts/screenshots scripts/with-postgres
# The checks need settings, not secrets: DEBUG supplies stand-ins for both.
CHECK_ENV := env DEBUG=true SECRET_KEY=checks-only

# Without compiled modules every command a test starts would compile the whole program first.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test test-sqlite test-postgres check install install-dev
.DEFAULT_GOAL := run

run: install .env
	@exec $(BIN)/python manage.py up --demo --port $(PORT) $(DEMO_OPTIONS)

install: .venv/.installed

install-dev: .venv/.installed-dev

test: install-dev
	scripts/install-services
	@$(MAKE) --no-print-directory -j 2 test-postgres test-sqlite

# A file's tests share servers and processes, so a file stays with one worker. Files begin in the order of their names,
# not those of many tests first: the few tests that drive a browser take longest. A worker that dies is not replaced, as
# its test would kill the next one, too.
TOGETHER := -n $(WORKERS_FOR_TESTS) --dist loadfile --no-loadscope-reorder --max-worker-restart=0

test-sqlite: install-dev
	$(BIN)/python -m pytest $(TOGETHER)

# What is stored, looked for, locked and killed is not the same on both; how a form, a page or an answer is read is, and is
# left to SQLite. Of mail that is brought, what every door promises by it. Of the hostile mails those with text that SQLite
# would store and PostgreSQL refuses.
SAME_STORIES := channel_config_* commands configuration_page graph_news inbox_delivered inbox_posted rehearsal
SAME_PAGES := access attachment_rules connection_check connection_form folders_step lint mail_source on_the_way push senders_step \
	ticket_step trial validation ways_step
test-postgres: install-dev
	scripts/with-postgres $(BIN)/python -m pytest $(TOGETHER) -m "not browser" tests/story tests/admin \
		tests/contract/test_doors.py tests/hostile/test_text.py tests/hostile/test_files.py \
		$(SAME_STORIES:%=--ignore-glob='*/story/test_%.py') $(SAME_PAGES:%=--ignore-glob='*/admin/test_%.py')

# The fast tests wait for nobody: a worker more than there are processors would only start up for nothing.
check: install-dev
	$(BIN)/ruff check .
	$(BIN)/ruff check $(PYTHON_SCRIPTS)
	$(BIN)/ruff format --check .
	$(CHECK_ENV) $(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/djlint --quiet --lint templates
	$(CHECK_ENV) $(BIN)/python manage.py makemigrations --check --dry-run
	$(BIN)/python -m pytest $(TOGETHER) -n auto -m "not slow and not browser and not dovecot"

.env:
	@$(PYTHON) scripts/make-env .env

.venv/.installed: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Helpdesk needs Python 3.11 or newer; $(PYTHON) is older. Name another one: make PYTHON=python3.12"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv >/dev/null 2>&1 \
		|| { rm -rf .venv; scripts/install-venv && $(PYTHON) -m venv .venv; } \
		|| { rm -rf .venv; echo "Python cannot make virtual environments. On Debian: apt install python3-venv"; exit 1; }
	@echo "Installing requirements into .venv (only when they change) ..."
	@$(PIP) -r requirements.txt
	@touch $@

.venv/.installed-dev: .venv/.installed requirements-dev.txt
	@$(PIP) -r requirements-dev.txt
	@touch $@
