# Builds the shared layer for `sam build` (Metadata.BuildMethod: makefile).
#
# Why not SAM's own Python builder: it ships no .pyc files, and Lambda's file system is read-only, so
# every cold start compiled every import again and took twice as long. A .pyc normally names its
# source's modification time, which unpacking a layer changes; `unchecked-hash` names nothing.
#
# SAM runs this in a copy of layers/shared and says where the result goes in ARTIFACTS_DIR, but not
# for which processor. The template does, by choosing between arm64/Makefile and x86_64/Makefile.

PYTHON  ?= python3.13
COMPILE := $(PYTHON) -m compileall -q -j 0 --invalidation-mode unchecked-hash

# Wheels for Amazon Linux 2023 (glibc 2.34), on any build machine. The local stack runs the layer
# on the developer's own machine instead, and says so with LAYER_FOR=this-machine.
PLATFORMS := manylinux_2_34 manylinux_2_28 manylinux_2_17 manylinux2014
ifneq ($(LAYER_FOR),this-machine)
TARGET := --implementation cp --python-version 3.13 \
          $(foreach platform,$(PLATFORMS),--platform $(platform)_$(MACHINE))
endif

# boto3 describes every service of AWS, in 20 MB. These are the ones that Latchkey calls.
SERVICES := dynamodb kms lambda s3 sesv2 sqs ssm sts
TRIM     := build/trim_botocore.py

# Only a change of these files calls for another install: the local stack, which builds after
# every change of the code, names a LAYER_CACHE that outlives this copy. And it leaves the packages
# there: the emulator would unpack these 60 MB anew for every Lambda process it starts.
LAYER_CACHE ?= .packages
PACKAGES    := $(LAYER_CACHE)/$(MACHINE)-$(firstword $(shell cat requirements.txt build/layer.mk $(TRIM) | cksum))
SITE        := $(ARTIFACTS_DIR)/python

.PHONY: build-SharedLayer
build-SharedLayer: $(PACKAGES)
	mkdir -p "$(SITE)"
ifeq ($(LAYER_FOR),this-machine)
	ln -sfn "$(notdir $(PACKAGES))" "$(LAYER_CACHE)/current"
else
	cp -R "$(PACKAGES)/." "$(SITE)"
endif
	cp -R latchkey "$(SITE)/latchkey"
	find "$(SITE)/latchkey" -type d -name __pycache__ -prune -exec rm -rf {} +
	$(COMPILE) "$(SITE)/latchkey"

$(PACKAGES):
	rm -rf "$@.part"
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --no-compile --only-binary :all: \
	  --require-hashes --requirement requirements.txt --target "$@.part" $(TARGET)
	rm -rf "$@.part/bin"
	$(PYTHON) $(TRIM) "$@.part/botocore" $(SERVICES)
	$(COMPILE) "$@.part"
	mv "$@.part" "$@"
