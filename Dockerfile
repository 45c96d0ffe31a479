# syntax=docker/dockerfile:1
# docker build .                                ONNX Runtime on the CPU
# docker build --build-arg ENGINE=tensorflow .  and TensorFlow, for DEEPFACE_ENGINE=tensorflow
# docker build --build-arg ENGINE=gpu .         ONNX Runtime on NVIDIA's CUDA

ARG IMAGE=python:3.12-slim

FROM ${IMAGE} AS packages
ARG ENGINE=onnx
WORKDIR /app
COPY requirements*.lock ./
# The prefix is all that leaves this stage. --no-deps: the files list everything, so nothing else comes in.
RUN case "$ENGINE" in \
      onnx) file=requirements-onnx.lock ;; \
      tensorflow) file=requirements.lock ;; \
      gpu) file=requirements-gpu.lock ;; \
      *) echo "ENGINE is onnx, tensorflow or gpu" >&2; exit 1 ;; \
    esac \
 && python -m venv /opt/venv \
 && /opt/venv/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps --require-hashes \
      -r "$file" -r requirements-nodeps.lock
COPY pyproject.toml main.py ./
COPY core core
COPY schemas schemas
COPY services services
COPY api api
# The command face-service, which runs what lies in /app. What makes it is among the packages: nothing else is fetched.
RUN /opt/venv/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps --no-build-isolation \
      --editable .

FROM ${IMAGE}
RUN useradd --uid 10001 --no-create-home --home-dir /nonexistent service \
 && install -d -o service -g service /data /weights
COPY --from=packages /opt/venv /opt/venv
WORKDIR /app
COPY --from=packages /app /app
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp \
    DATA_PATH=/data \
    DEEPFACE_HOME=/weights
USER 10001
VOLUME ["/data", "/weights"]
EXPOSE 5000
STOPSIGNAL SIGTERM
# The address it is bound to; 0.0.0.0 and :: lead to this machine.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
  CMD ["python", "-c", "import http.client, os, sys; host = os.environ.get('HOST', '').strip('[]') or '0.0.0.0'; port = int(os.environ.get('PORT') or 5000); asked = http.client.HTTPConnection(host, port, timeout=4); asked.request('GET', '/health'); sys.exit(asked.getresponse().status != 200)"]
CMD ["face-service", "serve"]
