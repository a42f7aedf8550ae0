# Builds the layer of pictures as layers/shared/build/layer.mk builds the shared one, for its reasons:
# compiled, for the processor that the template names, and out of a cache where there is one.

PYTHON  ?= python3.13
COMPILE := $(PYTHON) -m compileall -q -j 0 --invalidation-mode unchecked-hash

PLATFORMS := manylinux_2_34 manylinux_2_28 manylinux_2_27 manylinux_2_17 manylinux2014
ifneq ($(LAYER_FOR),this-machine)
TARGET := --implementation cp --python-version 3.13 \
          $(foreach platform,$(PLATFORMS),--platform $(platform)_$(MACHINE))
endif

LAYER_CACHE ?= .packages
PACKAGES    := $(LAYER_CACHE)/media-$(MACHINE)-$(firstword $(shell cksum < requirements.txt))

.PHONY: build-MediaLayer
build-MediaLayer: $(PACKAGES)
	mkdir -p "$(ARTIFACTS_DIR)"
	cp -R "$(PACKAGES)" "$(ARTIFACTS_DIR)/python"

$(PACKAGES):
	rm -rf "$@.part"
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --no-compile --only-binary :all: \
	  --require-hashes --requirement requirements.txt --target "$@.part" $(TARGET)
	rm -rf "$@.part/bin"
	$(COMPILE) "$@.part"
	mv "$@.part" "$@"
