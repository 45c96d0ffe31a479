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
 && /opt/venv/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps --require-hashes -r "$file"
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
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
  CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f\"http://127.0.0.1:{os.environ.get('PORT', '5000')}/health\", timeout=4)"]
CMD ["face-service", "serve"]
