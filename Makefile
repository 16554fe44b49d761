# Redress. `make up` starts everything on this machine, `make test` runs the whole suite; `make help` lists the rest.

MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.PHONY: help install up down status logs reset demo bench faults journeys check docs test format

BIN := .venv/bin
INSTALL := @deploy/stack/install.sh

help: ## This list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | column -t -s '|' 2>/dev/null || sed -n 's/:.*##/ -/p' Makefile

install: ## The .venv alone, with everything development needs
	$(INSTALL) dev

up: ## Start everything, file a first complaint, show the addresses
	$(INSTALL) stack
	@$(BIN)/redress up

down: ## Stop everything; complaints stay
	$(INSTALL) stack
	@$(BIN)/redress down

status: ## What runs, how often it was restarted, and why
	$(INSTALL) stack
	@$(BIN)/redress status || true

logs: ## The logs; NAME=intake for one process, F=1 to follow
	$(INSTALL) stack
	@$(BIN)/redress logs $(NAME) $(if $(F),--follow)

reset: ## Stop everything and delete all state (asks; YES=1 does not)
	$(INSTALL) stack
	@$(BIN)/redress reset $(if $(YES),--yes)

demo: ## Play the examples through the three channels and work them
	$(INSTALL) stack
	@$(BIN)/redress demo $(ARGS)

bench: ## Complaints per second, beside the floor
	$(INSTALL) dev
	@$(BIN)/redress bench $(ARGS)

faults: ## Do every fault of the matrix to a running Redress; ROWS="12 19" for some, at most 25 minutes
	$(INSTALL) dev
	@$(BIN)/redress fetch
	@$(BIN)/python -m tests.fault.matrix $(ROWS)

journeys: ## Any order of words, commands, deliveries, timers and outages; EXAMPLES=300 SEED=7 for more and others
	$(INSTALL) dev
	@$(BIN)/redress fetch
	@REDRESS_EXAMPLES=$(or $(EXAMPLES),60) $(BIN)/python -m pytest tests/integration/journeys $(if $(SEED),--hypothesis-seed=$(SEED)) --hypothesis-show-statistics

check: ## Lint, types, import rules
	$(INSTALL) dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy services shared deploy
	@$(BIN)/lint-imports

format: ## Bring all code into shape
	$(INSTALL) dev
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

docs: ## Write the API and event documents from the code
	$(INSTALL) dev
	@$(BIN)/python -m deploy.docs

test: ## The whole suite with real Kafka and Postgres; T=tests/unit for a part
	$(INSTALL) dev
	@$(BIN)/redress fetch
	@$(BIN)/python -m pytest $(T)
