# The consumer in a container: docker build -t spanstream .
#
# Two stages: the first one builds the wheel and a virtual environment, the second one holds that environment, Python
# and nothing to build or install with. It runs as a user without a name or a home, and writes nothing to its disk:
# --read-only is fine.

# What is published is built from a digest, which is looked up at each release (CONTRIBUTING.md): a tag moves.
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS build

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_NO_INPUT=1 \
    PIP_ROOT_USER_ACTION=ignore

WORKDIR /src

# The dependencies first: this layer stays as it is until a pinned version changes.
COPY requirements/serving.txt requirements/tools.txt requirements/
RUN python -m venv --without-pip /opt/spanstream \
    && python -m pip --python /opt/spanstream/bin/python install --require-hashes --only-binary :all: \
        --requirement requirements/serving.txt \
    && python -m pip install --require-hashes --only-binary :all: --requirement requirements/tools.txt

COPY pyproject.toml README.md LICENSE NOTICE ./

# Optional parts, by their names in pyproject.toml: --build-arg EXTRAS="http registry traces". Those that are small are
# there; docs/operations.md has the size of each.
ARG EXTRAS="desk http traces"
COPY requirements/extras.txt requirements/select requirements/
RUN requirements/select ${EXTRAS} >/tmp/extras.txt \
    && python -m pip --python /opt/spanstream/bin/python install --require-hashes --only-binary :all: \
        --requirement /tmp/extras.txt

COPY schemas schemas
COPY models models
COPY consumer consumer
RUN python -m pip wheel --no-deps --no-build-isolation --wheel-dir dist . \
    && python -m pip --python /opt/spanstream/bin/python install --no-deps --no-index dist/*.whl

FROM ${PYTHON_IMAGE}

ARG PYTHON_IMAGE
LABEL org.opencontainers.image.title="spanstream" \
      org.opencontainers.image.base.name="${PYTHON_IMAGE}" \
      org.opencontainers.image.description="Answers questions over Kafka by quoting the document" \
      org.opencontainers.image.licenses="Apache-2.0"

# The base image's own installers: nothing is installed from here on.
RUN python -m pip uninstall --yes --root-user-action ignore wheel setuptools pip

COPY --from=build /opt/spanstream /opt/spanstream

# Bytecode was compiled when the packages were installed; nothing is left to be written.
ENV PATH="/opt/spanstream/bin:$PATH" \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1

# A number, so that Kubernetes can see that it is not root (runAsNonRoot).
USER 10001:10001
WORKDIR /tmp
EXPOSE 8080

# /healthz says that the loop turns, not that questions can be answered (that is /readyz): a consumer that waits for
# Kafka is not to be restarted. http.client knows no proxies.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import http.client, os, sys; probe = http.client.HTTPConnection('127.0.0.1', int(os.environ.get('SPANSTREAM_HTTP__PORT', '8080')), timeout=3); probe.request('GET', '/healthz'); sys.exit(probe.getresponse().status != 200)"]

# Exec form: the program is process 1, and SIGTERM reaches it.
ENTRYPOINT ["spanstream"]
CMD ["run"]
