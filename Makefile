# make demo     build, make the synthetic repository, run the tour, show what was released and refused
# make test     everything; installs what it needs into .venv, and Chromium
# make lab      JupyterLab with the kernel
# make bench    the benchmarks: [LONG=1]
# make extension  the bundle of the JupyterLab extension, from its source (npm)
# make hub      the administrators' guide, followed, with JupyterHub and Kernel Gateway (npm, root)
# make figures  the scoreboard: [ONLY=area] [LONG=1]

export CGO_ENABLED = 0
export GOFLAGS = -buildvcs=false

VENV    = .venv
PYTHON  = $(abspath $(VENV))/bin/python
WEIR    = bin/weir
DEMO    = bin/demo

# What the tests find is what they use; with this set, what is missing fails
# instead of being skipped. Real data lie beside a checkout, if anywhere.
OUTSIDERS = WEIR_PYTHON=$(PYTHON) WEIR_CHROMIUM=$$(command -v chromium || command -v chromium-browser)
ifneq ($(wildcard ../shared/data),)
OUTSIDERS += WEIR_REQUIRE_ALL=1
endif

.PHONY: build demo test lab bench figures hub venv chromium check generate extension

build:
	go build -trimpath -ldflags="-s -w" -o $(WEIR) .

demo: build
	@rm -rf $(DEMO) && mkdir -p $(DEMO)
	XDG_DATA_HOME=$(abspath $(DEMO)) $(WEIR) data synthesize $(DEMO)/weir/repositories/synthetic
	XDG_DATA_HOME=$(abspath $(DEMO)) $(WEIR) run --show notebooks/examples/tour.ipynb -o $(DEMO)/tour.ipynb
	@echo "The notebook with its outputs is $(DEMO)/tour.ipynb."

test: check venv chromium build
	$(OUTSIDERS) go test -timeout 25m ./...

check:
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo "gofmt would change these files"; exit 1; }
	go vet ./...
	go vet -tags figures ./...

lab: build venv
	$(WEIR) install --sys-prefix $(VENV) > /dev/null
	$(VENV)/bin/jupyter lab $(if $(filter 0,$(shell id -u)),--allow-root) notebooks/examples/tour.ipynb

bench: venv
	$(OUTSIDERS) LONG=$(LONG) go test -timeout 6h -run '^$$' -bench . ./...

# Only the packages that have figures of the area are built.
MEASURED = $(if $(ONLY),$$(grep -l 't.Run."$(ONLY)"' $$(find . -name 'figures*_test.go') /dev/null | xargs -r -n 1 dirname | sort -u),./...)

figures: build venv
	@$(OUTSIDERS) LONG=$(LONG) go test -tags figures -count 1 -timeout 6h -v -run '^TestFigures$$$(if $(ONLY),/^$(ONLY)$$)' $(MEASURED) 2>&1 | .ci/scoreboard

hub: build venv $(VENV)/hub/ready
	$(OUTSIDERS) LONG=1 WEIR_JUPYTERHUB=$(abspath $(VENV))/hub go test -count 1 -timeout 20m -v -run '^TestGuide$$' .

$(VENV)/hub/ready: .ci/requirements.txt .ci/hub.txt
	python3 -m venv $(VENV)/hub
	$(VENV)/hub/bin/python -m pip install --quiet --disable-pip-version-check -r .ci/requirements.txt -r .ci/hub.txt
	cd $(VENV)/hub && npm install --silent --no-audit --no-fund configurable-http-proxy@5.3.0
	@touch $@

venv: $(VENV)/ready

$(VENV)/ready: .ci/requirements.txt
	python3 -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r .ci/requirements.txt
	@touch $@

chromium:
	@command -v chromium > /dev/null || command -v chromium-browser > /dev/null || .ci/install-chromium

generate:
	go generate ./...

extension:
	cd install/extension && npm install --no-package-lock --no-audit --no-fund && npm run build
